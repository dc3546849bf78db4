package clients_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/wire"
)

// mirror is a client that takes part in a test by hand: it has what it was sent, and checks each complete line as an SDK does.
type mirror struct {
	t       testing.TB
	told    map[string]wire.Bucket
	held    map[string]*mirrored
	written int64                 // write checkpoint of the last line
	before  func(line *wire.Line) // is called for each line; may be nil
}

// mirrored is what a bucket came to.
type mirrored struct {
	sum  uint32
	last uint64
	rows map[string]string // data by table and id
}

func newMirror(t testing.TB) *mirror {
	return &mirror{t: t, told: map[string]wire.Bucket{}, held: map[string]*mirrored{}}
}

func (m *mirror) Ready(ctx context.Context) error { return ctx.Err() }

func (m *mirror) Room() (lines, bytes int) { return 100, clients.PageMax }

func (m *mirror) Flush() error { return nil }

func (m *mirror) Hold(ctx context.Context, raw []byte) error { return m.Send(ctx, raw) }

func (m *mirror) Send(_ context.Context, raw []byte) error {
	line, err := wire.DecodeJSON(raw)
	if err != nil {
		return err
	}
	if m.before != nil {
		m.before(line)
	}
	switch {
	case line.Checkpoint != nil:
		m.told = map[string]wire.Bucket{}
		m.tell(line.Checkpoint.WriteCheckpoint, nil, line.Checkpoint.Buckets)
	case line.Diff != nil:
		m.tell(line.Diff.WriteCheckpoint, line.Diff.Removed, line.Diff.Updated)
	case line.Page != nil:
		m.take(line.Page)
	case line.Complete != nil:
		m.check()
	}
	return nil
}

func (m *mirror) tell(write int64, removed []string, updated []wire.Bucket) {
	m.written = write
	for _, name := range removed {
		delete(m.told, name)
		delete(m.held, name)
	}
	for _, b := range updated {
		if m.told[b.Name] = b; m.held[b.Name] == nil {
			m.held[b.Name] = &mirrored{rows: map[string]string{}}
		}
	}
}

func (m *mirror) take(p *wire.Page) {
	h := m.held[p.Bucket]
	for _, op := range p.Ops {
		if op.ID <= h.last { // C2
			m.t.Errorf("bucket %s: op %d after %d", p.Bucket, op.ID, h.last)
		}
		h.last = op.ID
		h.sum += op.Checksum
		id := fmt.Sprintf("%s/%s", op.Type, op.ObjectID)
		switch op.Kind {
		case wire.Put:
			h.rows[id] = string(op.Data)
		case wire.Remove:
			delete(h.rows, id)
		case wire.Clear:
			h.sum, h.rows = op.Checksum, map[string]string{}
		}
	}
}

func (m *mirror) check() {
	for name, b := range m.told {
		if got := m.held[name].sum; got != b.Checksum {
			m.t.Errorf("bucket %s: checksum %d of what was sent, %d was told", name, got, b.Checksum)
		}
	}
}

// rows are the rows of all buckets.
func (m *mirror) rows() map[string]string {
	rows := map[string]string{}
	for name := range m.told {
		maps.Copy(rows, m.held[name].rows)
	}
	return rows
}

// freshWorld is a store with a driven session of u1, who has lists, the news, and items by membership.
type freshWorld struct {
	*clientstest.Store
	t                           testing.TB
	lists, news, members, items *clientstest.Table
	mirror                      *mirror
	session                     *clients.Driven
}

func newFreshWorld(t testing.TB) *freshWorld {
	t.Helper()
	w := &freshWorld{Store: clientstest.NewStore(t), t: t, mirror: newMirror(t)}
	w.lists, w.news = w.Table("lists", "id", "owner", "name"), w.Table("news", "id", "name")
	w.members, w.items = w.Table("members", "id", "person", "grp"), w.Table("items", "id", "grp", "name")
	w.Deploy(definitions + mine + news + byMembership)
	for i := range 3 {
		w.Commit(w.lists.Insert("a", "u1", fmt.Sprint(i)))
	}
	w.session = clients.Drive(clients.Config{Store: w.Store.Store}, "u1", "c1", w.mirror)
	t.Cleanup(w.session.Close)
	w.round()
	return w
}

// round plays the round that there is.
func (w *freshWorld) round() (played, fresh bool) {
	w.t.Helper()
	played, fresh, err := w.session.Round(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return played, fresh
}

func (w *freshWorld) compact() {
	w.t.Helper()
	if _, err := w.Compact(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// write has u1 ask for a write checkpoint that the next commit reaches.
func (w *freshWorld) write() int64 {
	w.t.Helper()
	heads, err := w.Heads(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := w.NextWriteCheckpoint(w.t.Context(), "u1/c1", heads)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// compare compares what the client has with what a fresh one gets.
func (w *freshWorld) compare() {
	w.t.Helper()
	m := newMirror(w.t)
	d := clients.Drive(clients.Config{Store: w.Store.Store}, "u1", "c1", m)
	defer d.Close()
	if _, _, err := d.Round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if diff := cmp.Diff(m.rows(), w.mirror.rows()); diff != "" {
		w.t.Errorf("rows (-fresh client +client):\n%s", diff)
	}
	if m.written != w.mirror.written {
		w.t.Errorf("write checkpoint %d, a fresh client gets %d", w.mirror.written, m.written)
	}
}

// A session does without a View only if the writer has kept all that has changed for the client, and that is of the state that the client was
// told. Whatever happens, the client gets what a fresh one gets.
func TestFreshRounds(t *testing.T) {
	large := strings.Repeat("x", 20<<10)
	for _, tt := range []struct {
		name   string
		happen func(w *freshWorld)
		fresh  bool
	}{
		{"a row changes", func(w *freshWorld) { w.Commit(w.lists.Update("a", "u1", "x")) }, true},
		{"a row comes", func(w *freshWorld) { w.Commit(w.lists.Insert("b", "u1", "x")) }, true},
		{"a row goes", func(w *freshWorld) { w.Commit(w.lists.Delete("a")) }, true},
		{"a bucket that was empty", func(w *freshWorld) { w.Commit(w.news.Insert("n", "x")) }, true},
		{"two buckets in a commit", func(w *freshWorld) { w.Commit(w.lists.Update("a", "u1", "x"), w.news.Insert("n", "x")) }, true},
		{"two buckets in two commits", func(w *freshWorld) {
			w.Commit(w.lists.Update("a", "u1", "x"))
			w.Commit(w.news.Insert("n", "x"))
		}, true},
		{"commits of others before and after", func(w *freshWorld) {
			w.Commit(w.lists.Insert("x", "u2", "x"))
			w.Commit(w.lists.Update("a", "u1", "x"))
			w.Commit(w.lists.Update("x", "u2", "y"))
		}, true},
		{"a compaction after it", func(w *freshWorld) {
			w.Commit(w.lists.Update("a", "u1", "x"))
			w.compact()
		}, true},
		{"a compaction before it", func(w *freshWorld) {
			w.compact()
			w.Commit(w.lists.Update("a", "u1", "x"))
		}, false},
		{"two commits, told at once", func(w *freshWorld) {
			w.Commit(w.lists.Update("a", "u1", "x"))
			w.Commit(w.lists.Update("a", "u1", "y"))
		}, false},
		{"two commits, told one by one", func(w *freshWorld) {
			w.Commit(w.lists.Update("a", "u1", "x"))
			w.session.Take()
			w.Commit(w.lists.Update("a", "u1", "y"))
		}, false},
		{"too much", func(w *freshWorld) { w.Commit(w.lists.Update("a", "u1", large)) }, false},
		{"too much after it", func(w *freshWorld) {
			w.Commit(w.lists.Update("a", "u1", "x"))
			w.session.Take()
			w.Commit(w.lists.Update("a", "u1", large))
		}, false},
		{"too much together", func(w *freshWorld) {
			w.Commit(w.lists.Update("a", "u1", large[:5<<10]), w.news.Insert("n", large[:5<<10]))
		}, false},
		{"everything after it", func(w *freshWorld) {
			w.Commit(w.lists.Update("a", "u1", "x"))
			w.session.Take()
			changes := []clientstest.Change{w.news.Insert("n", "x")}
			for i := range 10_000 { // buckets: more than are told one by one
				changes = append(changes, w.lists.Insert(fmt.Sprint(i), fmt.Sprint("other", i), "x"))
			}
			w.Commit(changes...)
		}, false},
		{"a write checkpoint is reached with it", func(w *freshWorld) {
			w.write()
			w.Commit(w.lists.Update("a", "u1", "x"))
		}, false},
		{"a lookup changes with it", func(w *freshWorld) {
			w.Commit(w.lists.Update("a", "u1", "x"), w.members.Insert("m", "u1", "g"), w.items.Insert("i", "g", "x"))
		}, false},
		{"a new version after it", func(w *freshWorld) {
			w.Commit(w.lists.Update("a", "u1", "x"))
			w.Deploy(definitions + mine)
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newFreshWorld(t)
			tt.happen(w)
			if played, fresh := w.round(); !played || fresh != tt.fresh {
				t.Errorf("a round: %v; without a View: %v, want %v", played, fresh, tt.fresh)
			}
			w.compare()
			w.Commit(w.lists.Update("a", "u1", "last")) // the session goes on from there
			w.round()
			w.compare()
		})
	}
}

// Once the session has taken a fresh round, nothing that happens before its data is sent changes what it comes to.
func TestFreshRoundIsOvertaken(t *testing.T) {
	for name, happen := range map[string]func(w *freshWorld){
		"commit":     func(w *freshWorld) { w.Commit(w.lists.Update("a", "u1", "later")) },
		"compaction": func(w *freshWorld) { w.Commit(w.lists.Update("a", "u1", "later")); w.compact() },
		"version":    func(w *freshWorld) { w.Deploy(definitions + mine) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newFreshWorld(t)
			w.Commit(w.lists.Update("a", "u1", "x"))
			happened := false
			w.mirror.before = func(line *wire.Line) {
				if line.Diff != nil && !happened {
					happened = true
					happen(w)
				}
			}
			if _, fresh := w.round(); !fresh || !happened {
				t.Errorf("without a View: %v; a diff was sent: %v", fresh, happened)
			}
			if got := w.mirror.rows()["lists/a"]; got != `{"id":"a","name":"x"}` {
				t.Errorf("the row is %s", got)
			}
			if played, _ := w.round(); !played {
				t.Error("no round follows")
			}
			w.compare()
		})
	}
}

// A round that is given up half-way leaves ops to fetch (C3), which the writer has not kept: fresh ones must not be taken for all there is.
func TestFreshRoundBehind(t *testing.T) {
	w := newFreshWorld(t)
	var changes []clientstest.Change
	for i := range 3000 {
		changes = append(changes, w.lists.Insert(fmt.Sprint(i), "u1", "x"))
	}
	w.Commit(changes...)
	pages := 0
	w.mirror.before = func(line *wire.Line) {
		if line.Page == nil {
			return
		}
		if pages++; pages == 2 {
			w.Commit(w.lists.Update("a", "u1", "x"))
		}
	}
	if _, fresh := w.round(); !fresh {
		t.Error("the round that interrupts needed a View")
	}
	w.compare()
}

// Whatever happens in whatever order, the client comes to what a fresh one gets, with every checksum right.
func TestFreshRoundsAtRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 7))
	w := newFreshWorld(t)
	counts := map[bool]int{}
	change := func() clientstest.Change {
		id, n := fmt.Sprint(rng.IntN(4)), fmt.Sprint(rng.Uint64())
		switch rng.IntN(6) {
		case 0:
			return w.lists.Delete("a")
		case 1:
			return w.news.Insert(id, n)
		case 2:
			return w.items.Insert(id, "g"+id, n)
		case 3:
			return w.members.Insert("m"+id, fmt.Sprint("u", 1+rng.IntN(2)), "g"+id)
		case 4:
			return w.lists.Insert(id, "u2", n)
		}
		return w.lists.Insert("a", "u1", strings.Repeat(n, 1+rng.IntN(40)*rng.IntN(20)))
	}
	for i := range 400 {
		switch rng.IntN(30) {
		case 0:
			w.compact()
		case 1:
			w.write()
		case 2:
			w.Deploy(definitions + mine + news + byMembership[:len(byMembership)*rng.IntN(2)])
		case 3:
			w.session.Take()
		default:
			w.Commit(change(), change())
		}
		if rng.IntN(3) > 0 {
			if played, fresh := w.round(); played {
				counts[fresh]++
			}
		}
		if i%50 == 49 {
			w.Commit(w.lists.Insert("a", "u1", fmt.Sprint("sure", i))) // reaches write checkpoints
			w.round()
			w.compare()
		}
	}
	if counts[true] == 0 || counts[false] == 0 {
		t.Errorf("rounds by whether they were fresh: %v", counts)
	}
}
