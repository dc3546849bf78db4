package replicator

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestWALUnderASnapshot: in concurrent mode the slot follows the writes while a snapshot is held, so the WAL that it keeps is bounded by
// lag and not by the snapshot's length (I9). In sequential mode the slot stays where it is until the first snapshot's end: the stream has
// not begun (postgres-facts 11.14).
func TestWALUnderASnapshot(t *testing.T) {
	const follows = `SELECT confirmed_flush_lsn >= $2::pg_lsn AND restart_lsn > $3::pg_lsn FROM pg_replication_slots WHERE slot_name = $1`
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		d.Exec(itemTable + "CREATE TABLE other (id int)")
		var reads atomic.Int32
		held, goOn := make(chan struct{}), make(chan struct{})
		release := sync.OnceFunc(func() { close(goOn) })
		w := newWorld(t, d, itemRules, func(cfg *Config) {
			mode(cfg)
			cfg.Snapshot.ChunkBytes = 16 << 10
			cfg.hooks.chunkRead = func(ctx context.Context, _ *buckets.Relation, _ int) {
				if reads.Add(1) == 2 {
					close(held)
					<-goOn
				}
			}
		})
		t.Cleanup(release) // before the world's own
		w.start()
		<-held
		first := d.Value("SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = $1", w.cfg.Slot)
		confirmed := d.Value("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = $1", w.cfg.Slot)
		for i := range 3 {
			d.Exec(fmt.Sprintf("UPDATE items SET big = repeat('%d', 10000) WHERE id <= 20; INSERT INTO other SELECT generate_series(1, 1000)", i))
			head := d.Value("SELECT pg_current_wal_flush_lsn()")
			if !w.cfg.Snapshot.Concurrent {
				if got := d.Value("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = $1", w.cfg.Slot); got != confirmed {
					t.Errorf("the slot moved from %s to %s before the stream began", confirmed, got)
				}
				continue
			}
			eventually(t, d, follows, w.cfg.Slot, head, "0/0")
		}
		if w.cfg.Snapshot.Concurrent {
			for range 2 { // restart_lsn moves to a record that a checkpoint writes, when one behind it is confirmed
				d.Exec("CHECKPOINT")
				d.Exec("UPDATE items SET v = v || 'x' WHERE id = 1")
				eventually(t, d, follows, w.cfg.Slot, d.Value("SELECT pg_current_wal_flush_lsn()"), "0/0")
			}
			eventually(t, d, follows, w.cfg.Slot, first, first)
		}
		release()
		w.compare(itemTruth)
	})
}

// TestIdleSlotAdvances: what only other tables write, or other databases, does not keep WAL on the source.
func TestIdleSlotAdvances(t *testing.T) {
	d, other := pgtest.New(t), pgtest.New(t)
	d.Exec(itemTable + "CREATE TABLE other (id int)")
	w := newWorld(t, d, itemRules, nil)
	w.start()
	w.settle()
	for _, writer := range []*pgtest.Database{d, other} {
		writer.Exec("CREATE TABLE IF NOT EXISTS other (id int); INSERT INTO other SELECT generate_series(1, 10000)")
		head := d.Value("SELECT pg_current_wal_flush_lsn()")
		eventually(t, d, "SELECT confirmed_flush_lsn >= $2::pg_lsn FROM pg_replication_slots WHERE slot_name = $1", w.cfg.Slot, head)
	}
}

// TestIdleWeirWritesNothing: neither looks at the catalog and the slot nor positions that it stores make weir write to the source, which would
// come back to it as something to store.
func TestIdleWeirWritesNothing(t *testing.T) {
	d := pgtest.NewOn(t, pgtest.StartServer(t, pgtest.Options{Settings: map[string]string{"autovacuum": "off"}})) // nobody else commits there
	d.Exec(itemTable)
	var looks, transactions atomic.Int64
	w := newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.CatalogPoll = 10 * time.Millisecond
		cfg.hooks.planning = func(context.Context) { looks.Add(1) }
		cfg.hooks.received = func(*buckets.Transaction) { transactions.Add(1) }
	})
	w.start()
	w.compare(itemTruth)
	from, before, checked := looks.Load(), transactions.Load(), w.source.Health().Slot.Checked
	w.until(func() bool { return looks.Load() > from+20 && w.source.Health().Slot.Checked.After(checked) })
	if got := transactions.Load(); got != before {
		t.Errorf("%d transactions came while nobody wrote", got-before)
	}
}
