package buckets

import (
	"bytes"
	"testing"

	"github.com/weirsync/weir/storage"
)

// A row that becomes partial in the update in which its table begins anew keeps what it lacks marked: no rule reads the mark as a value.
func TestPartialRowAtABeginningGeneration(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", "short"))
	h.reopenWith(func(s *Store) {
		h.must(s.Apply(h.ctx, &Transaction{Source: "default", End: 2000, Changes: []Change{upd(items, "1", "ann", "a2", "<u>")}, Bytes: 10}))
		s.later(func(b *batch) error { return b.begin(s.Tables("default")[0].ID, items) })
	})
	h.pos = 2000
	h.stream()
	h.must(h.View(func(v *View) error {
		return v.tx.Buckets(0, func(id BucketID, _ storage.Bucket) bool {
			_, err := v.tx.Ops(id, 0, nil, func(op *storage.Op) bool {
				if bytes.Contains(op.Data, Unchanged()) {
					t.Errorf("an op has %s", op.Data)
				}
				return true
			})
			return err == nil
		})
	}))
	before := h.stop
	h.stop = func() {}
	before()
	if report, err := storage.Check(h.path); err != nil || !report.OK() {
		t.Errorf("in the middle the store has faults: %v %+v", err, report)
	}
	h.open()
	h.chunk(items, true, tuple("1", "ann", "a2", "short"))
	if !h.fence(items) {
		t.Error("the fence found partial rows")
	}
	h.wantColumn("ann", "b", map[string]string{"1": "short"})
}

// A change that comes without its key (the replica identity is another one now) begins the table anew, and stops nobody.
func TestChangeWithoutKey(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", nil), tuple("2", "ann", "b", nil))
	h.stream(Change{Op: Delete, Relation: items, Old: tuple(nil, "ann", nil, nil)}, upd(items, "1", "ann", "a2", nil))
	h.wantN("ann", map[string]string{"1": "a", "2": "b"})
	if tab := h.Tables("default")[0]; tab.Phase != Chunking || tab.Generation != 2 {
		t.Errorf("phase %d of generation %d, want %d of 2", tab.Phase, tab.Generation, Chunking)
	}
	h.chunk(items, true, tuple("1", "ann", "a2", nil))
	h.fence(items)
	h.wantN("ann", map[string]string{"1": "a2"})
}
