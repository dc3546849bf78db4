package buckets

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const ownerRules = `
bucket_definitions:
  by_owner:
    parameters: SELECT request.user_id() AS owner
    data:
      - SELECT * FROM items WHERE owner = bucket.owner
`

var items = relation(16384, "items", "id", "owner", "n", "b")

// big returns a text that is long enough to be kept in a row image.
func big(c string) string { return strings.Repeat(c, 1500) }

func (h *harness) wantN(user string, want map[string]string) {
	h.tb.Helper()
	h.wantColumn(user, "n", want)
}

func (h *harness) wantColumn(user, column string, want map[string]string) {
	h.tb.Helper()
	if d := cmp.Diff(want, values(h.client(user), "items", column)); d != "" {
		h.tb.Errorf("%s's rows, column %s (-want +got):\n%s", user, column, d)
	}
}

func TestRowsReachTheirOwner(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", "x"), tuple("2", "bob", "two", nil))
	h.wantN("ann", map[string]string{"1": "one"})
	h.wantN("bob", map[string]string{"2": "two"})

	h.stream(ins(items, "3", "ann", "three", ""), upd(items, "1", "ann", "uno", "x"), del(items, "2"))
	h.wantN("ann", map[string]string{"1": "uno", "3": "three"})
	h.wantN("bob", map[string]string{})

	h.stream(upd(items, "1", "bob", "uno", "x")) // moves between buckets
	h.wantN("ann", map[string]string{"3": "three"})
	h.wantN("bob", map[string]string{"1": "uno"})
	h.reopen()
	h.wantN("bob", map[string]string{"1": "uno"})
}

// I4, I9: nothing is served before every table of the version is done.
func TestGate(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.begin(items)
	h.chunk(items, false, tuple("1", "ann", "one", "x"))
	if got := h.client("ann"); got != nil {
		t.Fatalf("served before the snapshot's end: %v", got)
	}
	h.chunk(items, true, tuple("2", "ann", "two", "x"))
	if got := h.client("ann"); got != nil {
		t.Fatalf("served before the fence: %v", got)
	}
	h.fence(items)
	h.wantN("ann", map[string]string{"1": "one", "2": "two"})

	// A resnapshot holds the checkpoint where it is; the stream goes on being stored.
	var id TableID
	for _, tab := range h.Tables("default") {
		id = tab.ID
	}
	_, err := h.BeginGeneration(h.ctx, id, items)
	h.must(err)
	h.stream(upd(items, "1", "ann", "changed", "x"))
	h.wantN("ann", map[string]string{"1": "one", "2": "two"})
	h.chunk(items, true, tuple("1", "ann", "changed", "x")) // row 2 is no longer there
	h.fence(items)
	h.wantN("ann", map[string]string{"1": "changed"})
}

// I6: a transaction that comes again is not applied again.
func TestTransactionComesAgain(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	h.stream(ins(items, "1", "ann", "one", "x"))
	at := h.pos
	h.stream(del(items, "1"))
	h.reopen()
	h.must(h.Apply(h.ctx, &Transaction{Source: "default", End: at, Changes: []Change{ins(items, "1", "ann", "one", "x")}}))
	h.stream()
	h.wantN("ann", map[string]string{})
}

// I12: what does not change makes no op, and the same rows read again make none either.
func TestEqualRowsMakeNoOps(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", "x"), tuple("2", "ann", "two", "x"))
	before := h.checkpoint()
	h.stream(upd(items, "1", "ann", "one", "x"))
	_, err := h.BeginGeneration(h.ctx, h.Tables("default")[0].ID, items)
	h.must(err)
	h.chunk(items, true, tuple("1", "ann", "one", "x"), tuple("2", "ann", "two", "x"))
	h.fence(items)
	if got := h.checkpoint(); got != before {
		t.Errorf("checkpoint %d after rows that did not change, was %d", got, before)
	}
	h.wantN("ann", map[string]string{"1": "one", "2": "two"})
}

func (h *harness) checkpoint() (op OpID) {
	h.tb.Helper()
	h.must(h.View(func(v *View) error { op = v.Checkpoint(); return nil }))
	return op
}

func TestKeysSwapInOneTransaction(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", big("A")), tuple("2", "ann", "b", big("B")))
	h.stream(
		move(items, "1", "0", "ann", "a", "<u>"),
		move(items, "2", "1", "ann", "b", "<u>"),
		move(items, "0", "2", "ann", "a", "<u>"))
	h.wantColumn("ann", "b", map[string]string{"1": big("B"), "2": big("A")})
}

func TestParameterLookups(t *testing.T) {
	h := newHarness(t)
	h.deploy(`
bucket_definitions:
  by_list:
    parameters: SELECT list_id FROM members WHERE user_id = request.user_id()
    data:
      - SELECT * FROM items WHERE owner = bucket.list_id
`)
	members := relation(16400, "members", "id", "user_id", "list_id")
	h.plan(items, members)
	h.snapshot(items, tuple("1", "l1", "one", nil), tuple("2", "l2", "two", nil))
	h.snapshot(members, tuple("m1", "ann", "l1"))
	h.wantN("ann", map[string]string{"1": "one"})
	h.stream(ins(members, "m2", "ann", "l2"))
	h.wantN("ann", map[string]string{"1": "one", "2": "two"})
	h.stream(upd(members, "m1", "bob", "l1"))
	h.wantN("ann", map[string]string{"2": "two"})
	h.wantN("bob", map[string]string{"1": "one"})
	h.stream(del(members, "m2"), del(members, "m1"))
	h.wantN("ann", map[string]string{})
	h.stream(ins(members, "m2", "ann", "l2")) // comes back under the same key, beside its garbage
	h.stream()
	h.wantN("ann", map[string]string{"2": "two"})
}

func TestTruncate(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil), tuple("2", "ann", "two", nil))
	h.stream(
		ins(items, "3", "ann", "three", nil),
		Change{Op: Truncate, Truncated: []uint32{items.OID, 99}},
		ins(items, "2", "ann", "again", nil))
	h.wantN("ann", map[string]string{"2": "again"})
}

// A truncate in mid-snapshot ends the chunk phase: a chunk that was read before it must not bring rows back (architecture 5.7).
func TestTruncateEndsChunkPhase(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	tab := h.begin(items)[0]
	h.chunk(items, false, tuple("1", "ann", "one", nil))
	h.stream(Change{Op: Truncate, Truncated: []uint32{items.OID}}, ins(items, "2", "ann", "two", nil))
	err := h.SaveChunk(h.ctx, &Chunk{Table: tab.ID, Generation: tab.Generation, Relation: items, Rows: []Tuple{tuple("3", "ann", "old", nil)}})
	if !errors.Is(err, ErrStaleGeneration) {
		t.Errorf("chunk after a truncate: got %v, want ErrStaleGeneration", err)
	}
	h.fence(items)
	h.wantN("ann", map[string]string{"2": "two"})
}

func TestWriteCheckpoints(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	got := func(key string) (id int64) {
		t.Helper()
		h.must(h.View(func(v *View) (err error) { id, _, err = v.WriteCheckpoint(key); return err }))
		return id
	}
	sub := h.Subscribe()
	defer sub.Close()
	sub.Watch(nil, nil, "ann/c1")
	head := h.pos + 8
	n, err := h.NextWriteCheckpoint(h.ctx, "ann/c1", map[string]Position{"default": head})
	h.must(err)
	if n != 1 || got("ann/c1") != 0 {
		t.Fatalf("number %d, reached %d before the head; want 1, 0", n, got("ann/c1"))
	}
	h.stream()
	if w, err := sub.Wait(h.ctx); err != nil || !w.Write || got("ann/c1") != 1 || got("ann/c2") != 0 {
		t.Errorf("after the head: wake %+v (%v), reached %d, other client %d; want 1, 0", w, err, got("ann/c1"), got("ann/c2"))
	}
	h.reopen()
	if n, err = h.NextWriteCheckpoint(h.ctx, "ann/c1", map[string]Position{"default": h.pos}); n != 2 || err != nil {
		t.Errorf("after a restart: number %d (%v), want 2", n, err)
	}
	if got("ann/c1") != 2 {
		t.Errorf("a head that was passed already is not reached at once")
	}
	for _, c := range []struct{ ask, want int64 }{{5, 5}, {3, 5}, {9, 9}} {
		if stored, _, err := h.RequestWriteCheckpoint(h.ctx, "ann/c9", c.ask, map[string]Position{"default": h.pos}); stored != c.want || err != nil {
			t.Errorf("request %d: got %d (%v), want %d", c.ask, stored, err, c.want)
		}
	}
}

func TestSubscriptionIsWokenByItsOwnOnly(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	def := h.Definitions()[0].ID
	name := func(user string) string { return h.catalog.definitions[def].prefix + `by_owner["` + user + `"]` }
	ann, bob := h.Subscribe(), h.Subscribe()
	defer ann.Close()
	defer bob.Close()
	ann.Watch([]string{name("ann")}, nil, "")
	bob.Watch([]string{name("bob")}, nil, "")
	h.stream(ins(items, "1", "ann", "one", nil))
	h.stream(ins(items, "2", "bob", "two", nil))
	for sub, want := range map[*Subscription]Wake{ann: {Buckets: []string{name("ann")}}, bob: {Buckets: []string{name("bob")}}} {
		got, err := sub.Wait(h.ctx)
		want.Checkpoint = h.checkpoint()
		if d := cmp.Diff(want, got, cmpopts.IgnoreFields(Wake{}, "Fresh")); err != nil || d != "" {
			t.Errorf("wake (%v) (-want +got):\n%s", err, d)
		}
	}
	ctx, cancel := context.WithCancel(h.ctx)
	cancel()
	if w, err := ann.Wait(ctx); err == nil {
		t.Errorf("ann is woken again: %+v", w)
	}
}

// A session that acted on what it was told would skip what it wasn't: it must be able to see that there is more in the file.
func TestWakeSaysUpToWhere(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	sub := h.Subscribe()
	defer sub.Close()
	before := h.checkpoint()
	if got := sub.Watch([]string{"x"}, nil, ""); got != before {
		t.Errorf("Watch returns %d, want %d", got, before)
	}
	h.stream(ins(items, "1", "ann", "one", nil)) // of a bucket that is not watched
	after := h.checkpoint()
	if got := sub.Take(); got.Checkpoint != after || after <= before || len(got.Buckets) > 0 {
		t.Errorf("got %+v, want checkpoint %d above %d and nothing else", got, after, before)
	}
	h.reopen()
	again := h.Subscribe()
	defer again.Close()
	if got := again.Take().Checkpoint; got != h.checkpoint() {
		t.Errorf("after a restart: told up to %d, want %d", got, h.checkpoint())
	}
}

// I11: equal meaning deploys nothing; a new definition leaves the old one's data and bucket names alone, and is hidden until all of it
// is there (I10).
func TestDeployTouchesOnlyWhatChanged(t *testing.T) {
	h := newHarness(t)
	v1 := h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	if v := h.deploy("# a comment\n" + ownerRules); v.ID != v1.ID {
		t.Errorf("equal meaning became version %d", v.ID)
	}
	before := h.Tables("default")
	h.deploy(ownerRules + "  all:\n    data: ['SELECT id, n AS m FROM items AS everything']\n")
	h.plan(items)
	h.begin(items)
	h.stream(upd(items, "1", "ann", "uno", nil))
	h.wantN("ann", map[string]string{"1": "uno"})
	if got := values(h.client("ann"), "everything", "m"); len(got) != 0 {
		t.Errorf("rows of the deploying version are visible: %v", got)
	}
	h.chunk(items, true, tuple("1", "ann", "one", nil), tuple("2", "bob", "two", nil))
	h.fence(items)
	if d := cmp.Diff(map[string]string{"1": "uno", "2": "two"}, values(h.client("ann"), "everything", "m")); d != "" {
		t.Errorf("rows of the new version (-want +got):\n%s", d)
	}
	if d := cmp.Diff(before, h.Tables("default")[:1]); d != "" {
		t.Errorf("the old tracked table changed:\n%s", d)
	}
	h.reopen()
	if vs := h.Versions(); vs[0].State != Active || vs[1].State != Removed {
		t.Errorf("versions after the deploy: %s, %s", vs[0].State, vs[1].State)
	}
	h.wantN("ann", map[string]string{"1": "uno"})
}

// A text that does not compile disturbs nothing, and is in the history with the place of its fault, once.
func TestDeployReportsFaults(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	for range 2 {
		v, faults, err := h.Deploy(h.ctx, "bucket_definitions:\n  a:\n    data: [SELECT FROM]\n", "")
		if err != nil || v.ID != 0 || len(faults) == 0 {
			t.Errorf("got version %d, faults %v, %v; want faults", v.ID, faults, err)
		}
	}
	h.reopen()
	h.wantStates(Deploying, Failed)
	if got := h.Versions()[0].Reason; !strings.HasPrefix(got, "line 3, column ") {
		t.Errorf("reason %q has no place", got)
	}
}

// I3, I3b: a lost store's ids don't come back.
func TestFreshStoreStartsAboveTheOld(t *testing.T) {
	a, b := newHarness(t), newHarness(t)
	a.deploy(ownerRules)
	b.deploy(ownerRules)
	if x, y := a.Definitions()[0].ID, b.Definitions()[0].ID; x == y {
		t.Errorf("two stores gave the same definition id %d", x)
	}
	a.plan(items)
	a.snapshot(items, tuple("1", "ann", "one", nil))
	if c := a.checkpoint(); c < 1<<59 {
		t.Errorf("op ids start at %d, which is not the time of day << 20", c)
	}
}

// stage streams a transaction in parts of one change.
func (h *harness) stage(changes ...Change) {
	h.tb.Helper()
	h.pos += 8
	last := len(changes) - 1
	for i, c := range changes[:last] {
		h.must(h.Stage(h.ctx, &Part{Source: "default", Number: i, Changes: []Change{c}, Bytes: 100}))
	}
	h.must(h.Apply(h.ctx, &Transaction{Source: "default", End: h.pos, Changes: changes[last:], Parts: last, Bytes: 100}))
	h.must(h.WaitDurable(h.ctx, "default", h.pos))
}

// I1, I14: a transaction that comes in parts is seen whole, whatever came of its parts between updates.
func TestStagedTransaction(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", big("A")), tuple("2", "ann", "b", big("B")))
	h.stage(
		move(items, "1", "0", "ann", "a", "<u>"), move(items, "2", "1", "bob", "b", "<u>"),
		ins(items, "3", "ann", "c", nil), move(items, "0", "2", "ann", "a", "<u>"), del(items, "3"))
	h.stream()
	h.wantColumn("ann", "b", map[string]string{"2": big("A")})
	h.wantColumn("bob", "b", map[string]string{"1": big("B")})
	h.stage(Change{Op: Truncate, Truncated: []uint32{items.OID}}, ins(items, "9", "ann", "z", nil))
	h.stream()
	h.wantN("ann", map[string]string{"9": "z"})
}

// A crash between the updates of a staged transaction goes on where it was; one whose commit never came leaves nothing.
func TestStagedTransactionSurvivesCrashes(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", nil))
	h.must(h.Stage(h.ctx, &Part{Source: "default", Changes: []Change{del(items, "1")}, Bytes: 10}))
	h.reopen() // the connection broke before the commit: it all comes again
	h.wantN("ann", map[string]string{"1": "a"})

	h.stop()
	s, err := Open(h.path, Options{})
	h.must(err)
	var changes []Change
	for i := range 20 {
		changes = append(changes, ins(items, string(rune('A'+i)), "ann", "new", nil))
	}
	h.pos += 8
	var jobs []*job
	for i, c := range changes {
		jobs = append(jobs, &job{kind: jobPart, part: &Part{Source: "default", Number: i, Changes: []Change{c}}})
	}
	jobs = append(jobs, &job{kind: jobTransaction, tx: &Transaction{Source: "default", End: h.pos, Changes: []Change{del(items, "1")}, Parts: 20}})
	h.must(s.commit(h.ctx, jobs, map[string]Position{}))
	for range 7 { // some of its parts are applied, and none is seen
		h.must(s.commit(h.ctx, nil, map[string]Position{}))
	}
	rows, err := clientRows(s, "ann")
	h.must(err)
	if len(rows) != 1 || s.Durable("default") != h.pos {
		t.Errorf("in the middle: %d rows, durable %s; want the 1 of before, %s", len(rows), s.Durable("default"), h.pos)
	}
	h.must(s.Close())
	h.open()
	h.must(h.Apply(h.ctx, &Transaction{Source: "default", End: h.pos, Changes: changes})) // sent again, since it was not acknowledged
	h.stream()
	if got := values(h.client("ann"), "items", "n"); len(got) != 20 || got["A"] != "new" || got["T"] != "new" {
		t.Errorf("after the restart: %v", got)
	}
}

// A table that is gone loses its rows at one checkpoint, over a restart too, and can come back.
func TestUntrack(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil), tuple("2", "ann", "two", nil))
	id := h.Tables("default")[0].ID
	h.must(h.Untrack(h.ctx, id))
	h.reopen()
	h.stream(ins(items, "3", "ann", "of a table that is gone", nil))
	h.settled()
	h.wantN("ann", map[string]string{})
	if left := h.Tables("default"); len(left) != 0 {
		t.Errorf("still tracked: %+v", left)
	}
	h.plan(items)
	if back := h.Tables("default"); len(back) != 1 || back[0].ID != id || back[0].Phase != Registered {
		t.Fatalf("tracked again: %+v", back)
	}
	h.snapshot(items, tuple("2", "ann", "dos", nil))
	h.wantN("ann", map[string]string{"2": "dos"})
}
