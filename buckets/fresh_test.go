package buckets

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirsync/weir/storage"
)

// history is what the file has of a bucket: its state, and its ops after one.
func (h *harness) history(name string, after OpID) (b Bucket, ops []Operation) {
	h.tb.Helper()
	b.FullName = name
	h.must(h.View(func(v *View) error {
		if err := v.State(&b); err != nil {
			return err
		}
		_, _, err := v.Operations(name, after, 0, v.Checkpoint(), keep(&ops))
		return err
	}))
	return b, ops
}

// keep returns a visit that copies operations.
func keep(ops *[]Operation) func(*Operation) bool {
	return func(op *Operation) bool {
		kept := *op
		kept.Type, kept.ObjectID = slices.Clone(op.Type), slices.Clone(op.ObjectID)
		kept.Subkey, kept.Data = slices.Clone(op.Subkey), slices.Clone(op.Data)
		*ops = append(*ops, kept)
		return true
	}
}

// freshHarness serves items by owner, and watches ann's.
func freshHarness(t *testing.T) (h *harness, ann string, sub *Subscription) {
	h = newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	ann = h.catalog.definitions[h.Definitions()[0].ID].prefix + `by_owner["ann"]`
	sub = h.Subscribe()
	t.Cleanup(sub.Close)
	sub.Watch([]string{ann}, nil, "")
	return h, ann, sub
}

// What is fresh leads from the state before a commit to the one after it, by the ops that the file has.
func TestFreshIsWhatTheFileHas(t *testing.T) {
	h, ann, sub := freshHarness(t)
	for i, changes := range [][]Change{
		{upd(items, "1", "ann", "uno", nil)},
		{ins(items, "2", "ann", "two", nil), ins(items, "3", "bob", "three", nil), del(items, "1")},
		{upd(items, "2", "bob", "two", nil)},
		{ins(items, "4", "ann", "four", nil)},
	} {
		told, _ := h.history(ann, 0)
		h.stream(changes...)
		w := sub.Take()
		if len(w.Fresh) != 1 {
			t.Fatalf("commit %d: fresh is %+v of %q", i, w.Fresh, w.Buckets)
		}
		f := w.Fresh[0]
		want, wantOps := h.history(ann, f.After())
		var gotOps []Operation
		if got := told; !f.Advance(&got) || got.tally() != want.tally() || f.Operations(keep(&gotOps)) {
			t.Errorf("commit %d: got %+v, want %+v", i, got, want)
		}
		if d := cmp.Diff(wantOps, gotOps, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("commit %d: operations (-file +fresh):\n%s", i, d)
		}
		for _, other := range []Bucket{{FullName: ann}, want, {FullName: "x", Count: told.Count, Checksum: told.Checksum, Last: told.Last}} {
			if before := other; f.Advance(&other) || other.tally() != before.tally() {
				t.Errorf("commit %d: fresh leads on from %+v", i, before)
			}
		}
	}
}

// Operations stops where its visitor does, and says whether that was the end.
func TestFreshOperationsStop(t *testing.T) {
	h, _, sub := freshHarness(t)
	h.stream(ins(items, "2", "ann", "two", nil), ins(items, "3", "ann", "three", nil))
	f := sub.Take().Fresh[0]
	for stop := range 3 {
		n := 0
		more := f.Operations(func(*Operation) bool { n++; return n <= stop })
		if want := stop + 1; n != min(want, 2) || more != (want < 2) {
			t.Errorf("stopped after %d: visited %d, more %v", stop+1, n, more)
		}
	}
}

// What was written while the gate was closed is not fresh: the batch that opens it adds to what is hidden (I4, I9).
func TestFreshBehindTheGate(t *testing.T) {
	h, _, sub := freshHarness(t)
	h.stream(ins(items, "2", "ann", "two", nil))
	sub.Take()
	_, err := h.BeginGeneration(h.ctx, h.Tables("default")[0].ID, items)
	h.must(err)
	h.chunk(items, true, tuple("1", "ann", "uno", nil)) // hidden
	if w := sub.Take(); len(w.Buckets) > 0 {
		t.Fatalf("the gate is open: %+v", w)
	}
	if !h.fence(items) { // the sweep behind it removes row 2, and opens the gate
		t.Fatal("the table is not done")
	}
	if w := sub.Take(); len(w.Buckets) != 1 || w.Fresh != nil {
		t.Errorf("got %+v, want a bucket of which nothing is fresh", w)
	}
}

// Nothing is kept of what nobody watches, or of what is much.
func TestFreshIsLittle(t *testing.T) {
	h, _, sub := freshHarness(t)
	kept := func() int {
		h.feed.mu.RLock()
		defer h.feed.mu.RUnlock()
		return len(h.feed.fresh.of)
	}
	h.stream(ins(items, "2", "bob", "two", nil))
	if kept() != 0 {
		t.Error("kept of a bucket that nobody watches")
	}
	h.stream(upd(items, "1", "ann", "uno", nil))
	if kept() != 1 {
		t.Error("nothing is kept of a small commit")
	}
	h.stream(upd(items, "1", "ann", strings.Repeat("x", freshMax), nil))
	if w := sub.Take(); kept() != 0 || len(w.Buckets) != 1 || w.Fresh != nil {
		t.Errorf("kept of a large commit: %d, told %+v", kept(), w)
	}
}

// The set has the newest of each bucket, and no more bytes than it may.
func TestFreshSetIsBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var s freshSet
	want := map[string]*Fresh{}
	for range 2000 {
		n := news{buckets: map[string]struct{}{}, all: rng.IntN(500) == 0}
		for range rng.IntN(50) {
			f := &Fresh{Name: fmt.Sprint(rng.IntN(1000)), ops: &storage.Block{}}
			n.bucket(f.Name)
			f.ops.Add(&storage.Op{ID: 1, Kind: storage.OpPut, Data: make([]byte, rng.IntN(freshMax))})
			if delete(want, f.Name); n.fresh.of[f.Name] == nil && rng.IntN(3) > 0 && n.fresh.bytes+f.bytes() <= freshAll {
				n.fresh.put(f)
			}
		}
		s.renew(&n)
		if n.all {
			clear(want)
		}
		for _, f := range n.fresh.of {
			want[f.Name] = f
		}
		size := 0
		for name, f := range s.of {
			if size += f.bytes(); want[name] != f {
				t.Fatalf("%s is not the newest", name)
			}
		}
		if size != s.bytes || size > freshAll {
			t.Fatalf("%d bytes, %d counted, at most %d", size, s.bytes, freshAll)
		}
	}
}
