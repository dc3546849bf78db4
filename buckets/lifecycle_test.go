package buckets

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/storage"
)

// rulesOf makes rules with a definition for each name, of all rows of items under a type of that name and suffix.
func rulesOf(names ...string) string {
	var text strings.Builder
	text.WriteString("bucket_definitions:\n")
	for _, name := range names {
		text.WriteString("  d_" + name + ":\n    data: ['SELECT id, n FROM items AS " + name + "']\n")
	}
	return text.String()
}

// states lists the versions' states, oldest first.
func (h *harness) states() []VersionState {
	var out []VersionState
	for _, v := range h.Versions() {
		out = append([]VersionState{v.State}, out...)
	}
	return out
}

func (h *harness) wantStates(want ...VersionState) {
	h.tb.Helper()
	if d := cmp.Diff(want, h.states()); d != "" {
		h.tb.Errorf("states of the versions (-want +got):\n%s", d)
	}
}

// wantTypes compares column n of each output table that a client has.
func (h *harness) wantTypes(want map[string]map[string]string) {
	h.tb.Helper()
	rows := h.client("ann")
	got := map[string]map[string]string{}
	for o := range rows {
		got[o.typ] = values(rows, o.typ, "n")
	}
	if d := cmp.Diff(want, got); d != "" {
		h.tb.Errorf("rows by output table (-want +got):\n%s", d)
	}
}

// A retiring version is kept fresh, and is active again in one checkpoint without a read.
func TestRollback(t *testing.T) {
	h := newKeeping(t, time.Hour)
	v1 := h.deploy(rulesOf("a"))
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	v2 := h.deploy(rulesOf("b"))
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	h.wantStates(Retiring, Active)
	h.stream(upd(items, "1", "ann", "uno", nil))
	h.wantTypes(map[string]map[string]string{"b": {"1": "uno"}})
	for _, again := range []bool{false, true} {
		if again {
			h.reopen() // nobody plans: the data is there all the same
		}
		v, err := h.Rollback(h.ctx, 0)
		h.must(err)
		if v.ID != v1.ID || v.State != Active {
			t.Fatalf("rolled back to version %d, %s; want %d, active", v.ID, v.State, v1.ID)
		}
		h.wantStates(Active, Retiring)
		h.wantTypes(map[string]map[string]string{"a": {"1": "uno"}})
		if v, err = h.Rollback(h.ctx, v2.ID); err != nil || v.ID != v2.ID || v.State != Active {
			t.Fatalf("rolled forward to version %d, %s (%v); want %d, active", v.ID, v.State, err, v2.ID)
		}
		h.wantTypes(map[string]map[string]string{"b": {"1": "uno"}})
	}
}

func TestRollbackErrors(t *testing.T) {
	h := newKeeping(t, time.Hour)
	if _, err := h.Rollback(h.ctx, 0); !errors.Is(err, ErrNoRollback) {
		t.Errorf("with nothing deployed: %v, want %v", err, ErrNoRollback)
	}
	if _, err := h.Rollback(h.ctx, 7); !errors.Is(err, ErrUnknownVersion) {
		t.Errorf("to no version: %v, want %v", err, ErrUnknownVersion)
	}
	if _, err := h.Cancel(h.ctx); !errors.Is(err, ErrNotDeploying) {
		t.Errorf("cancel of nothing: %v, want %v", err, ErrNotDeploying)
	}
	v := h.deploy(rulesOf("a"))
	h.must(h.Fail(h.ctx, v.ID, "no such table"))
	if _, err := h.Rollback(h.ctx, v.ID); !errors.Is(err, ErrNoRollback) {
		t.Errorf("to a failed version: %v, want %v", err, ErrNoRollback)
	}
	if err := h.Fail(h.ctx, v.ID, "again"); !errors.Is(err, ErrNotDeploying) {
		t.Errorf("failed twice: %v, want %v", err, ErrNotDeploying)
	}
	h.reopen()
	if got := h.Versions()[0]; got.State != Failed || got.Reason != "no such table" {
		t.Errorf("stored as %s, %q", got.State, got.Reason)
	}
}

// A deploy that is replaced hands what both have over: id, table, and the chunks that were saved.
func TestReplacedDeployKeepsSharedWork(t *testing.T) {
	h := newHarness(t)
	h.deploy(rulesOf("a", "b"))
	h.plan(items)
	h.begin(items)
	h.chunk(items, false, tuple("1", "ann", "one", nil))
	before := h.Tables("default")[0]
	h.deploy(rulesOf("a"))
	h.wantStates(Failed, Deploying)
	h.settled()
	after := h.Tables("default")[0]
	if after.ID != before.ID || after.Generation != before.Generation || after.Rows != 1 || len(after.Definitions) != 1 {
		t.Errorf("the shared table is %+v, was %+v", after, before)
	}
	h.chunk(items, true, tuple("2", "ann", "two", nil))
	h.fence(items)
	h.wantStates(Failed, Active)
	h.wantTypes(map[string]map[string]string{"a": {"1": "one", "2": "two"}})
}

// A deploy that only leaves out definitions, or subscribes to them by another rule, has nothing to wait for.
func TestDeployOfNothingNew(t *testing.T) {
	h := newKeeping(t, time.Hour)
	h.deploy(rulesOf("a", "b"))
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	if v := h.deploy(rulesOf("b")); v.State != Active {
		t.Errorf("the version is %s, want active", v.State)
	}
	h.wantTypes(map[string]map[string]string{"b": {"1": "one"}})
	if v := h.deploy(rulesOf("b", "a")); v.State != Active { // kept by the retiring one
		t.Errorf("the version is %s, want active", v.State)
	}
	h.wantTypes(map[string]map[string]string{"a": {"1": "one"}, "b": {"1": "one"}})
}

// The meaning of the active version ends another deploy.
func TestDeployOfTheActiveMeaningEndsADeploy(t *testing.T) {
	h := newHarness(t)
	v1 := h.deploy(rulesOf("a"))
	h.plan(items)
	h.snapshot(items)
	h.deploy(rulesOf("b"))
	if v := h.deploy("# again\n" + rulesOf("a")); v.ID != v1.ID {
		t.Errorf("became version %d, want %d", v.ID, v1.ID)
	}
	h.wantStates(Active, Failed)
}

// A retiring version has its time, over a restart too; then it is removed and a rollback to it is a deploy.
func TestRetiringVersionExpires(t *testing.T) {
	var clock atomic.Int64
	h := newHarnessWith(t, Options{
		KeepRetired: time.Hour, Now: func() time.Time { return time.Unix(1e9+clock.Load(), 0) },
	})
	v1 := h.deploy(rulesOf("a"))
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	h.deploy(rulesOf("b"))
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	clock.Add(3599)
	h.reopen()
	h.settled()
	h.wantStates(Retiring, Active)
	clock.Add(1)
	h.reopen()
	h.settled()
	h.wantStates(Removed, Active)
	if defs := h.Definitions(); len(defs) != 1 {
		t.Errorf("%d definitions live, want 1", len(defs))
	}
	v, err := h.Rollback(h.ctx, v1.ID)
	h.must(err)
	if v.ID == v1.ID || v.State != Deploying || v.Text != v1.Text {
		t.Errorf("rolled back to version %d, %s; want a new one, deploying, of the same text", v.ID, v.State)
	}
	if _, err := h.Rollback(h.ctx, 0); err != nil { // of the deploy
		t.Error(err)
	}
	h.wantStates(Removed, Active, Failed)
	h.settled()
	h.check()
}

// However often rules are deployed, few replaced versions cost something; the newest can be rolled back to.
func TestRetiringVersionsAreFew(t *testing.T) {
	var clock atomic.Int64
	h := newHarnessWith(t, Options{KeepRetired: time.Hour, Now: func() time.Time { return time.Unix(1e9+clock.Load(), 0) }})
	for i := range RetiringMax + 4 {
		clock.Add(1)
		h.deploy(rulesOf(fmt.Sprintf("v%d", i)))
		h.plan(items)
		h.snapshot(items, tuple("1", "ann", "one", nil))
	}
	h.settled()
	want := slices.Repeat([]VersionState{Removed}, 3)
	want = append(append(want, slices.Repeat([]VersionState{Retiring}, RetiringMax)...), Active)
	h.wantStates(want...)
	if defs := h.Definitions(); len(defs) != RetiringMax+1 {
		t.Errorf("%d definitions live, want %d", len(defs), RetiringMax+1)
	}
	h.check()
}

// A retiring version whose table is being read again comes back when that is done; a cancel leaves it retiring.
func TestRollbackToAVersionThatIsReadAgain(t *testing.T) {
	h := newKeeping(t, time.Hour)
	v1 := h.deploy(rulesOf("a"))
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	h.deploy(rulesOf("b"))
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	_, err := h.BeginGeneration(h.ctx, h.Tables("default")[0].ID, items)
	h.must(err)
	h.stream(upd(items, "1", "ann", "uno", nil)) // it does not hold the gate (I9)
	h.wantTypes(map[string]map[string]string{"b": {"1": "uno"}})
	for range 2 {
		v, err := h.Rollback(h.ctx, v1.ID)
		h.must(err)
		if v.ID != v1.ID || v.State != Deploying {
			t.Errorf("version %d is %s, want %d, deploying", v.ID, v.State, v1.ID)
		}
		if v, err = h.Cancel(h.ctx); err != nil || v.State != Retiring {
			t.Errorf("cancelled: %s (%v), want retiring", v.State, err)
		}
	}
	_, err = h.Rollback(h.ctx, v1.ID)
	h.must(err)
	h.chunk(items, true, tuple("1", "ann", "uno", nil))
	h.fence(items)
	h.wantStates(Active, Retiring)
	h.wantTypes(map[string]map[string]string{"a": {"1": "uno"}})
}

func TestCompare(t *testing.T) {
	h := newKeeping(t, time.Hour)
	changed := strings.Replace(rulesOf("b"), "SELECT id,", "SELECT id, owner,", 1)
	h.deploy(rulesOf("a", "b", "c"))
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil), tuple("2", "ann", "two", nil))
	h.deploy(rulesOf("a", "b"))
	got, err := h.Compare(h.ctx, mustCompile(t, changed+strings.TrimPrefix(rulesOf("c", "a", "e"), "bucket_definitions:\n")))
	h.must(err)
	type line struct {
		Name         string
		Difference   Difference
		Same, Built  bool
		Buckets, Ops int64
	}
	var lines []line
	for _, d := range got.Definitions {
		lines = append(lines, line{d.Name, d.Difference, d.New == d.Old, d.Built, d.Usage.Buckets, d.Usage.Ops})
	}
	want := []line{
		{"d_b", DefinitionChanged, false, false, 1, 2},
		{"d_c", DefinitionAdded, false, true, 0, 0}, // a retiring version has it
		{"d_a", DefinitionUnchanged, true, true, 1, 2},
		{"d_e", DefinitionAdded, true, false, 0, 0}, // both ids are none
	}
	if d := cmp.Diff(want, lines); d != "" || got.SameMeaning {
		t.Errorf("comparison (same meaning: %v) (-want +got):\n%s", got.SameMeaning, d)
	}
	got, err = h.Compare(h.ctx, mustCompile(t, rulesOf("a")))
	h.must(err)
	if n := len(got.Definitions); n != 2 || got.Definitions[1].Difference != DefinitionRemoved || got.Definitions[1].Usage.Bytes == 0 {
		t.Errorf("comparison with less: %+v", got.Definitions)
	}
	sub := h.Subscribe()
	defer sub.Close()
	b := got.Definitions[1].Old
	sub.Watch([]string{fmt.Sprintf("%d#d_b[]", b)}, nil, "")
	if h.Watching([]DefinitionID{b}) != 1 || h.Watching([]DefinitionID{got.Definitions[0].Old}) != 0 {
		t.Error("the subscription does not count for its definition alone")
	}
}

// With two sources a version is active when both have all of it; before, the old one's checkpoints go on (I10).
func TestActivationAwaitsEverySource(t *testing.T) {
	h := newHarnessWith(t, Options{Sources: []string{"default", "other"}})
	planOther := func() {
		var defs []DefinitionID
		for _, d := range h.Definitions() {
			defs = append(defs, d.ID)
		}
		h.must(h.Planned(h.ctx, "other", defs))
	}
	h.deploy(rulesOf("a"))
	h.plan(items)
	planOther()
	h.snapshot(items, tuple("1", "ann", "one", nil))
	h.deploy(rulesOf("b"))
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	h.stream(upd(items, "1", "ann", "uno", nil))
	h.wantStates(Active, Deploying)
	h.wantTypes(map[string]map[string]string{"a": {"1": "uno"}})
	before := h.checkpoint()
	planOther()
	h.wantStates(Removed, Active)
	h.wantTypes(map[string]map[string]string{"b": {"1": "uno"}})
	if after := h.checkpoint(); after < before {
		t.Errorf("activated at checkpoint %d, behind %d", after, before)
	}
}

// A view that begins before its version's end and looks for the version afterwards begins again, on the checkpoint of the next.
func TestViewOfAVersionThatGoes(t *testing.T) {
	h := newHarness(t)
	h.deploy(rulesOf("a"))
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	v, program := h.catalog.active, h.catalog.active.Program
	h.update(func() { v.Program = nil }) // as publish leaves an ended one
	h.must(h.db.View(func(tx *storage.Tx) error {
		if _, err := h.view(tx); !errors.Is(err, errOutdated) {
			t.Errorf("got %v, want %v", err, errOutdated)
		}
		h.update(func() { v.Program = program })
		_, err := h.view(tx)
		return err
	}))
	h.wantTypes(map[string]map[string]string{"a": {"1": "one"}})
}

// A chore rests while commits are waiting, and goes on when none is.
func TestChoreRestsWhileWorkWaits(t *testing.T) {
	h := newHarness(t)
	stop := h.stop
	h.stop = func() {}
	stop()
	s, err := Open(h.path, h.opts)
	h.must(err)
	steps := 0
	s.chores = []chore{{due: func() bool { return true }, step: func(*batch) error { steps++; return nil }}}
	s.pace = pace{ended: time.Now(), took: time.Hour}
	h.must(s.queue.put(h.ctx, &job{kind: jobControl, control: func(*batch) error { return nil }}))
	h.must(s.chore(h.ctx, nil))
	if steps != 0 {
		t.Error("a step was done though work waits and the last one was long")
	}
	s.queue.take(streamBytes, batchBytes)
	h.must(s.chore(h.ctx, nil))
	if steps != 1 {
		t.Errorf("%d steps while nothing waits, want 1", steps)
	}
	h.must(s.Close())
}
