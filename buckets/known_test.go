package buckets

import (
	"fmt"
	"testing"
)

// The writer keeps what it knows of as many buckets as there is room for, lets go of all when it has no use of them for a while, and reads
// the states of others.
func TestKnownBuckets(t *testing.T) {
	h := newHarness(t)
	h.reopenWith(func(s *Store) { s.known.limit = 3 * (openBytes + len(`by_owner["o1"]`)) })
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	want := map[string]string{}
	for i := range 4 {
		var changes []Change
		for owner := range 5 {
			changes = append(changes, ins(items, fmt.Sprint(owner, "-", i), fmt.Sprint("o", owner), "x", nil))
		}
		h.stream(changes...)
		want[fmt.Sprint("1-", i)] = "x"
		if n, bytes := h.known(false); n != 3 || bytes > h.Store.known.limit {
			t.Errorf("%d buckets of %d bytes are known, want 3", n, bytes)
		}
		h.wantN("o1", want)
	}
	h.must(h.do(h.ctx, func(b *batch) error { b.s.known.used = b.s.known.used.Add(-2 * knownRest); return nil }))
	if n, bytes := h.known(true); n != 0 || bytes != 0 {
		t.Errorf("%d buckets of %d bytes are known to a writer that rests", n, bytes)
	}
	h.stream(ins(items, "last", "o1", "x", nil))
	want["last"] = "x"
	h.wantN("o1", want)
}

// known tells how many buckets are known, after a rest if there is one.
func (h *harness) known(rest bool) (n, bytes int) {
	h.must(h.do(h.ctx, func(b *batch) error {
		k := &b.s.known
		if rest {
			k.rest()
		}
		if len(k.byID) != len(k.byName) {
			h.tb.Errorf("%d buckets are known by id, %d by name", len(k.byID), len(k.byName))
		}
		n, bytes = len(k.byID), k.bytes
		return nil
	}))
	return n, bytes
}
