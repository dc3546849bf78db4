package buckets

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/weirsync/weir/storage"
)

// Nothing else happens in an idle store that could carry a long sweep on.
func TestLongSweepOfAnIdleStore(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	rows := make([]Tuple, 2*choreKeys+10)
	for i := range rows {
		rows[i] = tuple(fmt.Sprint(i), "ann", "x", nil)
	}
	h.snapshot(items, rows...)
	id := h.Tables("default")[0].ID
	_, err := h.BeginGeneration(h.ctx, id, items)
	h.must(err)
	h.chunk(items, true, rows[:5]...)
	var cancel context.CancelFunc
	h.ctx, cancel = context.WithTimeout(h.ctx, 20*time.Second)
	defer cancel()
	if !h.fence(items) {
		t.Error("the fence found partial rows")
	}
	if got := h.client("ann"); len(got) != 5 {
		t.Errorf("%d rows are left, want 5", len(got))
	}
	h.must(h.Untrack(h.ctx, id))
	h.snapshotGone(id)
}

// snapshotGone waits until the rows of an untracked table are gone.
func (h *harness) snapshotGone(id TableID) {
	h.tb.Helper()
	for {
		changed := h.Changed()
		h.mu.RLock()
		phase := h.catalog.tables[id].Phase
		h.mu.RUnlock()
		if phase == Done {
			return
		}
		select {
		case <-changed:
		case <-h.ctx.Done():
			h.tb.Fatal("the rows of the table stay")
		}
	}
}

// More tombstones than one step takes are all gone when the table is done.
func TestManyTombstones(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.begin(items)
	deleted := make([]Change, choreKeys+10)
	for i := range deleted {
		deleted[i] = del(items, fmt.Sprint(i))
	}
	h.stream(deleted...)
	h.chunk(items, true)
	if !h.fence(items) {
		t.Error("the fence found partial rows")
	}
	h.must(h.View(func(v *View) error {
		return v.tx.Marks(h.Tables("default")[0].ID, func(key []byte, _ storage.Mark) (bool, error) {
			t.Errorf("row %x still has a tombstone", key)
			return false, nil
		})
	}))
}
