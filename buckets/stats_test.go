package buckets

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirsync/weir/syncrules"
)

func (h *harness) stats() Stats {
	h.tb.Helper()
	st, err := h.Stats()
	h.must(err)
	return st
}

// commitAt applies a transaction that was committed at the source some time ago.
func (h *harness) commitAt(ago time.Duration, changes ...Change) {
	h.tb.Helper()
	h.pos += 8
	h.must(h.Apply(h.ctx, &Transaction{Source: "default", End: h.pos, Time: time.Now().Add(-ago), Changes: changes, Bytes: 100}))
	h.must(h.WaitDurable(h.ctx, "default", h.pos))
}

// While the gate is closed commits become durable and are not published; when it opens, each counts with the time it took.
func TestStatsFollowTheGate(t *testing.T) {
	var traced []CommitTimes
	h := newHarnessWith(t, Options{Trace: func(c CommitTimes) { traced = append(traced, c) }})
	h.deploy(ownerRules)
	h.plan(items)
	h.begin(items)
	h.chunk(items, true, tuple("1", "ann", "a", nil), tuple("2", "ann", "b", nil))
	h.commitAt(20*time.Second, ins(items, "3", "ann", "c", nil), upd(items, "1", "ann", "A", nil))
	h.commitAt(-time.Hour, del(items, "2")) // a clock that is ahead
	st := h.stats()
	if src := st.Sources[0]; src.Durable.Count != 2 || src.Durable.Upto[10*time.Second] != 1 || src.Durable.Upto[30*time.Second] != 2 {
		t.Errorf("durable %+v", src.Durable)
	}
	if src := st.Sources[0]; src.Published.Count != 0 || st.Checkpoints != 0 || len(traced) != 0 {
		t.Errorf("published behind a closed gate: %+v", src.Published)
	}
	if !h.fence(items) {
		t.Fatal("partial rows")
	}
	h.commitAt(0, Change{Op: Truncate, Truncated: []uint32{items.OID}})
	st = h.stats()
	if src := st.Sources[0]; src.Published.Count != 3 || src.Published.Upto[30*time.Second] != 3 || src.Published.Upto[10*time.Second] != 2 {
		t.Errorf("published %+v", src.Published)
	}
	want := []TableStats{{
		Source: "default", Table: "public.items", Inserted: 1, Updated: 1, Deleted: 1, Truncated: 1, Snapshot: 2, Transactions: 3,
	}}
	if diff := cmp.Diff(want, st.Tables, cmpopts.IgnoreUnexported(TableStats{})); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	if st.Checkpoints == 0 || st.Published.IsZero() || st.Ops == 0 || st.Batches == 0 || st.Busy == 0 || st.Space.Bytes == 0 || st.Queue.Limit == 0 {
		t.Errorf("got %+v", st)
	}
	first := traced[0]
	order := []time.Time{first.Committed, first.Received, first.Applied, first.Durable, first.Published}
	for i := 1; i < len(order); i++ {
		if order[i].Before(order[i-1]) {
			t.Errorf("times of a commit are out of order: %v", order)
		}
	}
	if first.Checkpoint == 0 || first.End == 0 {
		t.Errorf("got %+v", first)
	}
}

// The gate is known to be closed from the batch that closes it until the one that opens it, also after a start in between.
func TestStatsTellTheGate(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	want := func(held bool, when string) {
		t.Helper()
		if got := h.stats().Held; got != held {
			t.Errorf("%s: held %v, want %v", when, got, held)
		}
	}
	want(false, "a complete snapshot")
	_, err := h.BeginGeneration(h.ctx, h.Tables("default")[0].ID, items)
	h.must(err)
	want(true, "a table that is read again")
	h.reopen()
	want(true, "after a start")
	h.chunk(items, true, tuple("1", "ann", "a", nil))
	h.fence(items)
	h.commitAt(0)
	want(false, "a complete snapshot")
}

// A gate that stays closed for long costs little memory, and loses no commit.
func TestHeldCommitsAreBounded(t *testing.T) {
	f := newFigures([]string{"default"})
	start := time.Now().Add(-time.Hour)
	const n = 100_000
	for i := range n {
		at := start.Add(time.Duration(i) * time.Millisecond)
		f.hold(commit{CommitTimes{Source: "default", Committed: at}, 1})
	}
	if len(f.held) > heldMax+n/1000 {
		t.Errorf("%d commits are held", len(f.held))
	}
	f.publish(1, nil)
	if got := f.latencies["default"].published.Counts().Count; got != n {
		t.Errorf("%d commits were published, want %d", got, n)
	}
}

// A transaction that is applied in parts is one transaction of its table.
func TestBigTransactionCountsOnce(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	before := h.stats()
	for i, key := range []string{"1", "2", "3"} {
		h.must(h.Stage(h.ctx, &Part{Source: "default", Number: i, Changes: []Change{ins(items, key, "ann", "a", nil)}, Bytes: 10}))
	}
	h.pos += 8
	h.must(h.Apply(h.ctx, &Transaction{Source: "default", End: h.pos, Parts: 3, Bytes: 10}))
	h.stream(ins(items, "4", "ann", "a", nil))
	st := h.stats()
	if got := st.Tables[0]; got.Transactions != 2 || got.Inserted != 4 {
		t.Errorf("got %+v", got)
	}
	if got := st.Sources[0].Transactions - before.Sources[0].Transactions; got != 2 {
		t.Errorf("%d transactions, want 2", got)
	}
}

// A wake says since when a client waits for what it tells.
func TestWakeTellsTheOldestCommit(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", nil))
	sub := h.Subscribe()
	defer sub.Close()
	sub.Watch([]string{h.bucketOf("ann")}, nil, "")
	h.commitAt(time.Hour, ins(items, "2", "ann", "b", nil))
	h.commitAt(time.Minute, ins(items, "3", "ann", "c", nil))
	w, err := sub.Wait(h.ctx)
	h.must(err)
	if ago := time.Since(w.Committed); ago < time.Hour || ago > 2*time.Hour {
		t.Errorf("the oldest commit was made %v ago, want an hour", ago)
	}
}

// bucketOf is the full name of a user's only bucket.
func (h *harness) bucketOf(user string) (name string) {
	h.tb.Helper()
	h.must(h.View(func(v *View) error {
		r, err := v.Version().Program.NewResolver(&syncrules.Request{Claims: []byte(`{"sub":"` + user + `"}`)})
		if err != nil {
			return err
		}
		res, err := v.Resolve(r)
		if err == nil {
			name = res.Buckets[0].FullName
		}
		return err
	}))
	return name
}
