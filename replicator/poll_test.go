package replicator

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirsync/weir/replicator/pgtest"
)

// TestPollCeiling: what no event tells of is looked for all the time: however long nothing happens, and after something did, looks are not
// further apart than CatalogPoll, which is 30 s; and the slot is looked at more often.
func TestPollCeiling(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	d.Exec(itemTable)
	var looks atomic.Int64
	w := newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.CatalogPoll = 0
		cfg.fill()
		if cfg.CatalogPoll > 30*time.Second || slotEvery > 30*time.Second {
			t.Errorf("the catalog is looked at every %v, the slot every %v; 30s is the most", cfg.CatalogPoll, slotEvery)
		}
		cfg.CatalogPoll = 10 * time.Millisecond
		cfg.hooks.planning = func(context.Context) { looks.Add(1) }
	})
	w.start()
	w.compare(itemTruth)
	for _, change := range []string{"SELECT 1", "ALTER TABLE items ADD extra int; UPDATE items SET v = 'x' WHERE id = 1"} {
		d.Exec(change)
		// A pause that grew without a ceiling would have grown to hours by then.
		from := looks.Load()
		w.until(func() bool { return looks.Load() >= from+12 })
	}
	checked := w.source.Health().Slot.Checked
	w.until(func() bool { return w.source.Health().Slot.Checked.After(checked) })
}
