package buckets

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const twoDefinitions = ownerRules + "  again:\n    data: [\"SELECT id, n FROM items AS copies\"]\n"

// threePortions is a chunk that is stored in three portions while clients are served.
func (h *harness) threePortions(t Table) *Chunk {
	c := &Chunk{Table: t.ID, Generation: t.Generation, Relation: items, Bytes: 2 * portionBytes, Progress: []byte("all"), Last: true}
	for i := range 30 {
		c.Rows = append(c.Rows, tuple(fmt.Sprint(i), "bob", "read", nil))
	}
	return c
}

// A commit that comes while a chunk of a deploy is being stored reaches clients before all of the chunk is there.
func TestCommitPassesAChunk(t *testing.T) {
	var h *harness
	armed, passed, durable := false, false, -1 // the first update is that of the arming itself
	h = newHarnessWith(t, Options{Step: func(name string) {
		if !armed || name != StepDurable {
			return
		}
		durable++
		switch durable {
		case 0:
			return
		case 1:
			h.pos += 8
			h.must(h.Apply(h.ctx, &Transaction{Source: "default", End: h.pos, Changes: []Change{ins(items, "99", "ann", "commit", nil)}}))
			return
		}
		rows, err := clientRows(h.Store, "ann")
		h.must(err)
		for _, tab := range h.tablesOf(items) {
			passed = passed || len(rows) == 1 && tab.Phase == Chunking
		}
	}})
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	h.deploy(twoDefinitions)
	h.plan(items)
	c := h.threePortions(h.begin(items)[0])
	h.must(h.do(h.ctx, func(*batch) error { armed = true; return nil }))
	h.must(h.SaveChunk(h.ctx, c))
	h.must(h.do(h.ctx, func(*batch) error { armed = false; return nil }))
	if !passed {
		t.Error("clients did not see the commit before the chunk was stored")
	}
}

// A chunk goes into one update where nobody is served: before the first version is active, or while the gate is shut for a table of the
// active one.
func TestChunkIsWholeWhileNobodyIsServed(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	c := h.threePortions(h.begin(items)[0])
	got := []int{h.portionRows(c)}
	h.must(h.SaveChunk(h.ctx, c))
	h.fence(items)
	got = append(got, h.portionRows(c))
	_, err := h.BeginGeneration(h.ctx, c.Table, items)
	h.must(err)
	got = append(got, h.portionRows(c))
	if d := cmp.Diff([]int{30, 10, 30}, got); d != "" {
		t.Errorf("rows of a portion first, while clients are served, and while the gate is shut (-want +got):\n%s", d)
	}
	h.chunk(items, true, c.Rows...)
	h.fence(items)
	if n := len(h.client("bob")); n != 30 {
		t.Errorf("the client has %d rows, want 30", n)
	}
}

// The process dies between two portions: the chunk is read again, and what the stream has brought since the first reading counts (I6, I8).
func TestCrashBetweenPortions(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	h.deploy(twoDefinitions)
	h.plan(items)
	c := h.threePortions(h.begin(items)[0])
	p := h.prepare(c)
	h.must(h.do(h.ctx, func(b *batch) error { return b.chunk(portion{chunk: c, prepared: p, rows: p.rows[:20]}) }))
	h.stream(upd(items, "1", "ann", "streamed", nil), del(items, "10"))
	h.reopen()
	h.plan(items)
	if tab := h.tablesOf(items)[0]; tab.Progress != nil || tab.Rows != 0 || tab.Phase != Chunking {
		t.Errorf("a chunk of which a portion is stored has made progress: %+v", tab)
	}
	again := h.threePortions(h.tablesOf(items)[0])
	again.Rows = append(again.Rows[:10], again.Rows[11:]...)
	again.Rows[1] = tuple("1", "ann", "streamed", nil)
	h.must(h.SaveChunk(h.ctx, again))
	h.fence(items)
	want := map[string]string{}
	for _, row := range again.Rows {
		want[string(row[0])] = string(row[2])
	}
	if d := cmp.Diff(want, values(h.client("cy"), "copies", "n")); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}
