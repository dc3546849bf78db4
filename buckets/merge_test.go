package buckets

import (
	"fmt"
	"testing"

	"github.com/weirsync/weir/storage"
)

func (h *harness) runs(id TableID) (r storage.RunStats) {
	h.must(h.db.View(func(tx *storage.Tx) (err error) { r, err = tx.Runs(id); return err }))
	return r
}

// The new rows of a chunk stand in a run until no more chunks come. They can be changed, deleted and met again meanwhile, and a restart in
// the middle of merging costs nothing (I6).
func TestChunksBecomeRuns(t *testing.T) {
	h := newHarness(t)
	h.reopenWith(func(s *Store) { s.runs.step, s.chores = 1000, s.chores[:len(s.chores)-1] }) // all but merging
	h.deploy(ownerRules)
	h.plan(items)
	tab := h.begin(items)[0]
	row := func(i int, n string) Tuple { return tuple(fmt.Sprint(i), "ann", n, nil) }
	var rows []Tuple
	want := map[string]string{}
	for i := range storage.RunRows {
		rows, want[fmt.Sprint(i)] = append(rows, row(i, "0")), "0"
	}
	h.chunk(items, false, rows...)
	if n := h.runs(tab.ID).Runs; n != 1 {
		t.Fatalf("%d runs after a chunk, want 1", n)
	}
	h.stream(upd(items, "7", "ann", "1", nil), del(items, "8"))
	h.chunk(items, true, row(7, "old"), row(8, "old"), row(9, "moved"), row(-1, "0"))
	h.fence(items)
	delete(want, "8")
	want["7"], want["-1"] = "1", "0"
	h.wantN("ann", want)
	h.stream(del(items, "10"), upd(items, "11", "ann", "2", nil))
	delete(want, "10")
	want["11"] = "2"
	h.wantN("ann", want)
	for range 2 {
		h.must(h.do(h.ctx, (*batch).merge))
	}
	h.stream(del(items, "12"), del(items, "999"))
	delete(want, "12")
	delete(want, "999")
	h.reopen()
	for deadline := 1000; h.runs(tab.ID).Runs > 0; deadline-- {
		if deadline == 0 {
			t.Fatal("the runs are not merged")
		}
		h.must(h.do(h.ctx, func(*batch) error { return nil }))
	}
	h.stream(upd(items, "13", "ann", "3", nil))
	want["13"] = "3"
	h.wantN("ann", want)
}

// Runs are merged once they have grown large beside the rest, and while chunks come only when they are many besides.
func TestMergeable(t *testing.T) {
	limits := runLimits{most: 10, share: 4}
	for _, tt := range []struct {
		phase Phase
		runs  storage.RunStats
		want  bool
	}{
		{Done, storage.RunStats{Base: 100}, false},
		{Done, storage.RunStats{Runs: 1, Rows: 25, Base: 100}, true},
		{Done, storage.RunStats{Runs: 9, Rows: 24, Base: 100}, false},
		{Done, storage.RunStats{Runs: 20, Rows: 24, Base: 100}, true},
		{Done, storage.RunStats{Runs: 1, Merging: true, Base: 100}, true},
		{Chunking, storage.RunStats{Runs: 9, Rows: 100}, false},
		{Chunking, storage.RunStats{Runs: 10, Rows: 100}, true},
		{Chunking, storage.RunStats{Runs: 19, Rows: 24, Base: 100}, false},
		{Chunking, storage.RunStats{Runs: 20, Rows: 24, Base: 100}, true},
	} {
		tab := &table{Table: Table{Phase: tt.phase}, runs: tt.runs}
		if got := tab.mergeable(limits); got != tt.want {
			t.Errorf("phase %d, %+v: mergeable is %t", tt.phase, tt.runs, got)
		}
	}
}

// Each step of a sweep or a copy makes a run, and goes before merging: runs of the table are merged nevertheless when they are many, or the
// steps would take the longer, and filters the more memory (I14), the larger the table is.
func TestRunsOfLongChoresAreMerged(t *testing.T) {
	limits := runLimits{most: 2, share: 4, step: 20_000}
	h := newHarness(t)
	most, steps := 0, map[string]int{}
	h.reopenWith(func(s *Store) {
		s.runs, s.opts.RowImages, s.opts.copyRows = limits, RowImagesAll, choreKeys
		s.db.SetRunRows(1000)
		s.opts.Step = func(name string) {
			if name != StepSweep && name != StepCopy {
				return
			}
			steps[name]++
			for _, t := range s.catalog.tables {
				most = max(most, t.runs.Runs)
			}
		}
	})
	h.deploy(copyFirst)
	h.plan(items)
	rows := make([]Tuple, 10*choreKeys)
	for i := range rows {
		rows[i] = tuple(fmt.Sprint(i), "ann", "x", nil)
	}
	h.snapshot(items, rows...)
	v := h.deploy(copySecond)
	h.plan(items)
	h.active(v.ID)
	h.stream(Change{Op: Truncate, Truncated: []uint32{items.OID}})
	h.await("the tables are empty", func() bool { return h.Tables("default")[0].Phase == Done })
	h.stop()
	if most > 2*limits.most || steps[StepSweep] < 9 || steps[StepCopy] < 9 {
		t.Errorf("up to %d runs, want %d at most; steps %v", most, 2*limits.most, steps)
	}
	h.stop = func() {}
}
