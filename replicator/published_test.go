package replicator

import (
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
)

// TestPublicationChangedWhileDown: what was left out of the stream while nobody looked is noticed at the next start, since a tracked
// table remembers how it was published (I13).
func TestPublicationChangedWhileDown(t *testing.T) {
	for name, c := range map[string]struct{ change, back string }{
		"table out and in": {"ALTER PUBLICATION %p DROP TABLE items", "ALTER PUBLICATION %p ADD TABLE items"},
		"flags off and on": {"ALTER PUBLICATION %p SET (publish = 'insert')", "ALTER PUBLICATION %p SET (publish = 'insert,update,delete,truncate')"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			d.Exec(itemTable)
			w := newWorld(t, d, itemRules, nil)
			w.start()
			w.compare(itemTruth)
			w.stop()
			d.Exec(w.publication(c.change))
			d.Exec("UPDATE items SET v = 'unseen'; DELETE FROM items WHERE id < 3")
			d.Exec(w.publication(c.back))
			w.start()
			w.until(func() bool { return w.store.Tables("default")[0].Generation > 1 })
			w.compare(itemTruth)
			w.stop()
			w.start() // and only once
			w.compare(itemTruth)
			if gen := w.store.Tables("default")[0].Generation; gen != 2 {
				t.Errorf("generation %d after another restart, want 2", gen)
			}
		})
	}
}
