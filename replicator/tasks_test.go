package replicator

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestFenceIsShown: while the stream has not passed a table's fence, the progress says where that is.
func TestFenceIsShown(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable)
	var w *world
	var held, passed atomic.Bool
	release := make(chan struct{})
	w = newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.Snapshot.Concurrent = true
		cfg.hooks.step = func(name string, _ buckets.TableID) {
			if name == stepFence && held.CompareAndSwap(false, true) {
				d.Exec("UPDATE items SET v = 'before the fence'")
			}
		}
		cfg.hooks.received = func(tx *buckets.Transaction) {
			if len(tx.Changes) > 0 && passed.CompareAndSwap(false, true) {
				<-release
			}
		}
	})
	w.start()
	w.until(func() bool {
		progress := w.source.Progress()
		return len(progress) == 1 && progress[0].Phase == buckets.Repairing && progress[0].Fence > w.store.Applied("default")
	})
	close(release)
	w.compare(itemTruth)
	if got := w.source.Progress()[0].Fence; got != 0 {
		t.Errorf("a table that is complete has its fence at %s", got)
	}
}

// TestTimeLeft: it is what is left at the rate that there was, and unknown without a rate, an estimate or an end in sight.
func TestTimeLeft(t *testing.T) {
	for _, c := range []struct {
		p    TableProgress
		want time.Duration
	}{
		{TableProgress{Phase: buckets.Chunking, Rows: 40, Estimated: 100, Rate: 30}, 2 * time.Second},
		{TableProgress{Phase: buckets.Chunking, Rows: 40, Estimated: 100}, 0},
		{TableProgress{Phase: buckets.Chunking, Rows: 140, Estimated: 100, Rate: 30}, 0},
		{TableProgress{Phase: buckets.Chunking, Rows: 40, Rate: 30}, 0},
		{TableProgress{Phase: buckets.Done, Rows: 40, Estimated: 100, Rate: 30}, 0},
	} {
		if got := c.p.Left(); got != c.want {
			t.Errorf("%+v: %v left, want %v", c.p, got, c.want)
		}
	}
}
