package buckets

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/weirsync/weir/storage"
)

// sharedRules have two definitions on items, and parameter rows of both.
const sharedRules = `
bucket_definitions:
  keep:
    parameters: SELECT owner FROM items WHERE n = request.user_id()
    data: ['SELECT id, n FROM items AS kept WHERE owner = bucket.owner']
`

const dyingRules = `
  die:
    parameters: SELECT owner AS o FROM items WHERE n = request.user_id()
    data: ['SELECT id, n FROM items AS dying WHERE owner = bucket.o', 'SELECT id, n FROM items AS all_dying WHERE bucket.o = owner']
`

// settled waits until no chore is due.
func (h *harness) settled() {
	h.tb.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for busy := true; busy; {
		h.must(h.do(h.ctx, func(*batch) error {
			busy = h.catalog.dying() != nil || h.catalog.sweeping() != nil || h.expired() != nil
			return nil
		}))
		if time.Now().After(deadline) {
			h.tb.Fatal("the chores come to no end")
		}
	}
}

// check verifies the file, in which only what live versions use may be left.
func (h *harness) check() {
	h.tb.Helper()
	stop := h.stop
	h.stop = func() {}
	stop()
	report, err := storage.Check(h.path)
	if err != nil || !report.OK() {
		h.tb.Errorf("check: %v, faults %q", err, report.Faults)
	} else if report.Reclaiming > 0 {
		h.tb.Errorf("%d definitions are still being removed", report.Reclaiming)
	}
}

func manyRows(n int) []Tuple {
	rows := make([]Tuple, n)
	for i := range rows {
		rows[i] = tuple(fmt.Sprint(i), fmt.Sprintf("o%d", i%10), fmt.Sprint(i%7), nil)
	}
	return rows
}

// A definition that dies on a table which another one wants leaves the table, and takes only its own along.
func TestReclaimSharedTable(t *testing.T) {
	h := newHarness(t)
	h.deploy(sharedRules + dyingRules)
	h.plan(items)
	h.snapshot(items, manyRows(50)...)
	h.stream(del(items, "3"), upd(items, "4", "o9", "1", "y")) // garbage of both
	id := h.Tables("default")[0].ID
	h.deploy(sharedRules)
	h.wantStates(Removed, Active)
	h.stream(upd(items, "9", "o8", "2", "z"))
	want := values(h.client("2"), "kept", "n")
	h.settled()
	if tabs := h.Tables("default"); len(tabs) != 1 || tabs[0].ID != id || len(tabs[0].Definitions) != 1 {
		t.Errorf("tracked tables afterwards: %+v", tabs)
	}
	if got := values(h.client("2"), "kept", "n"); len(got) == 0 || !maps.Equal(got, want) {
		t.Errorf("client's rows: %v, want %v", got, want)
	}
	h.check()
}

// A dead definition makes no op from the very update in which it died, though bindings made before have it.
func TestDeadDefinitionIsNotEvaluated(t *testing.T) {
	h := newHarness(t)
	h.deploy(sharedRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "1", nil))
	h.deploy(sharedRules + dyingRules)
	h.plan(items)
	h.begin(items)
	h.chunk(items, false, tuple("1", "ann", "1", nil))
	dead := h.Definitions()[1].ID
	before, err := h.Usage(h.ctx, dead)
	h.must(err)
	h.reopenWith(func(s *Store) {
		s.chores = nil // nothing is reclaimed
		h.must(s.Apply(h.ctx, &Transaction{Source: "default", End: 2000, Changes: []Change{ins(items, "2", "ann", "1", nil)}}))
		s.later(func(b *batch) error { return b.end(s.catalog.deploying, "cancelled") })
	})
	h.pos = 2000
	h.stream(ins(items, "3", "ann", "1", nil), del(items, "1"))
	h.wantStates(Active, Failed)
	after, err := h.Usage(h.ctx, dead)
	h.must(err)
	if before.Ops == 0 || after.Ops != before.Ops {
		t.Errorf("the dead definition had %d ops, now %d", before.Ops, after.Ops)
	}
}

// A row that changes before its memberships of a dead definition are reclaimed loses them without an op.
func TestRowOfADeadDefinition(t *testing.T) {
	h := newHarness(t)
	h.deploy(sharedRules + dyingRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "1", nil), tuple("2", "ann", "1", nil))
	dead := h.Definitions()[1].ID
	before, err := h.Usage(h.ctx, dead)
	h.must(err)
	h.reopenWith(func(s *Store) { s.chores = nil })
	h.deploy(sharedRules)
	h.stream(del(items, "1"), upd(items, "2", "bob", "2", nil))
	after, err := h.Usage(h.ctx, dead)
	h.must(err)
	if before.Ops == 0 || after.Ops != before.Ops {
		t.Errorf("the dead definition had %d ops, now %d", before.Ops, after.Ops)
	}
}

// What a crash leaves of a reclaim is taken up again, wherever it was, and every state between is consistent.
func TestReclaimSurvivesCrashes(t *testing.T) {
	h := newHarness(t)
	other := relation(16500, "others", "id", "owner", "n", "b")
	h.deploy(sharedRules + dyingRules + "  gone:\n    data: [SELECT * FROM others]\n")
	h.plan(items, other)
	h.snapshot(items, manyRows(choreKeys+100)...)
	h.snapshot(other, manyRows(choreKeys+100)...)
	h.stream(del(items, "3"), upd(items, "4", "o9", "1", "y"))
	h.stop()
	h.stop = func() {}
	s, err := Open(h.path, h.opts)
	h.must(err)
	s.db.NoSync()
	h.must(s.commit(h.ctx, []*job{{kind: jobControl, control: func(b *batch) error {
		_, err := b.deploy(mustCompile(t, sharedRules), sharedRules, "")
		return err
	}}}, nil))
	steps := 0
	for ; s.catalog.dying() != nil; steps++ {
		h.must(s.chore(h.ctx, nil))
		h.must(s.Close())
		if report, err := storage.Check(h.path); err != nil || !report.OK() {
			t.Fatalf("after step %d: %v, faults %q", steps, err, report.Faults)
		}
		s, err = Open(h.path, h.opts)
		h.must(err)
		s.db.NoSync()
		if steps > 100 {
			t.Fatal("the reclaim comes to no end: each crash sets it back")
		}
	}
	h.must(s.Close())
	if steps < 6 {
		t.Errorf("the reclaim took %d steps: too few for a test of crashes", steps)
	}
	h.check()
}

// A definition dies while blocks of it stand in a load, rows of it in all three places, and a chunk is prepared with it (I3b).
func TestReclaimOfWhatIsLoaded(t *testing.T) {
	for name, runs := range map[string]int{"recent": 1000, "runs": 1} {
		t.Run(name, func(t *testing.T) {
			const more = `
  die:
    parameters: SELECT request.user_id() AS owner
    data: ['SELECT id, n FROM items AS dying WHERE owner = bucket.owner']
`
			h := newHarness(t)
			h.reopenWith(func(s *Store) {
				s.loads.blocks, s.runs.step = 1, 1
				s.db.SetRunRows(runs)
			})
			h.deploy(ownerRules + more)
			h.plan(items)
			tab := h.begin(items)[0]
			h.chunk(items, false, tuple("1", "ann", "read", nil), tuple("2", "ann", "read", nil), tuple("3", "bob", "read", nil))
			h.stream(del(items, "2"), upd(items, "1", "ann", "streamed", nil))
			rest := &Chunk{
				Table: tab.ID, Generation: tab.Generation, Relation: items, Last: true,
				Rows: []Tuple{tuple("2", "ann", "late", nil), tuple("4", "ann", "late", nil), tuple("5", "cid", "late", nil)},
			}
			if h.Prepare(rest); rest.prepared.packed == nil || h.loads() != 1 {
				t.Fatalf("%d loads, packed %v", h.loads(), rest.prepared.packed)
			}
			h.deploy(ownerRules)
			h.must(h.SaveChunk(h.ctx, rest))
			h.fence(items)
			h.wantN("ann", map[string]string{"1": "streamed", "4": "late"})
			h.settled()
			h.wantN("ann", map[string]string{"1": "streamed", "4": "late"})
			h.check()
		})
	}
}
