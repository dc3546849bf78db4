package buckets

import (
	"flag"
	"fmt"
	"maps"
	"math/rand"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/storage"
)

var (
	modelSeed      = flag.Int64("model.seed", 1, "first seed of TestModel")
	modelHistories = flag.Int("model.histories", 2000, "histories of TestModel")
)

// TestModel plays random histories of a small table against the real writer: inserts, updates with unchanged TOAST, deletes, key
// moves and swaps, truncates, in transactions; chunks and re-reads of any moment, saved in any order and grouped into batches by chance;
// restarts in between. Every history ends with exactly the source's rows (I8, I15). -model.seed and -model.histories steer it.
func TestModel(t *testing.T) {
	const perStore = 200
	for from := 0; from < *modelHistories; from += perStore {
		playModels(t, *modelSeed+int64(from), min(perStore, *modelHistories-from))
		if t.Failed() {
			return
		}
	}
}

// playModels plays n histories side by side in one store, a step of each per round.
func playModels(t *testing.T, seed int64, n int) {
	h := &modelStore{t: t, path: filepath.Join(t.TempDir(), "weir.db"), r: rand.New(rand.NewSource(seed)), pos: 1000}
	h.open()
	h.run(func(b *batch) error {
		program := mustCompile(t, "bucket_definitions:\n  all:\n    data: [SELECT * FROM items]\n")
		_, err := b.deploy(program, "bucket_definitions:\n  all:\n    data: [SELECT * FROM items]\n", "")
		return err
	})
	models := make([]*model, n)
	for i := range models {
		models[i] = newModel(h, seed+int64(i))
	}
	h.plan()
	for round := 0; ; round++ {
		busy := false
		for _, m := range models {
			if !m.over() {
				busy = true
				m.step()
			}
		}
		h.commit()
		if !busy {
			break
		}
		if h.r.Intn(20) == 0 {
			h.reopen()
			h.plan()
			for _, m := range models {
				m.fenced = -1 // who waited for a marker is gone
			}
		}
		if round > 5000 {
			t.Fatalf("seed %d: the histories come to no end", seed)
		}
	}
	got, err := clientRows(h.s, "ann")
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	want := map[object]string{}
	for _, m := range models {
		maps.Copy(want, m.want())
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("seed %d: client's rows (-want +got):\n%s", seed, d)
	}
	h.close()
	if report, err := storage.Check(h.path); err != nil || !report.OK() {
		t.Errorf("seed %d: check: %v %+v", seed, err, report)
	}
}

// modelStore drives the writer by hand, so that the test decides what makes a batch.
type modelStore struct {
	t    *testing.T
	s    *Store
	path string
	r    *rand.Rand
	jobs []*job
	pos  Position
	oid  uint32
}

func (h *modelStore) open() {
	var err error
	if h.s, err = Open(h.path, Options{}); err != nil {
		h.t.Fatal(err)
	}
	h.s.db.NoSync()
}

func (h *modelStore) close() {
	if err := h.s.Close(); err != nil {
		h.t.Fatal(err)
	}
}

func (h *modelStore) reopen() {
	h.close()
	h.open()
}

// plan declares that every relation is tracked.
func (h *modelStore) plan() {
	h.s.update(func() {
		for _, d := range h.s.catalog.definitions {
			d.planned["default"] = true
		}
	})
}

func (h *modelStore) commit() {
	h.t.Helper()
	jobs := h.jobs
	h.jobs = nil
	kept := map[string]Position{}
	if err := h.s.commit(jobs, kept); err != nil {
		h.t.Fatal(err)
	}
	if err := h.s.chore(kept); err != nil {
		h.t.Fatal(err)
	}
}

func (h *modelStore) run(fn func(*batch) error) {
	h.t.Helper()
	j := &job{kind: jobControl, control: fn}
	h.jobs = append(h.jobs, j)
	h.commit()
	if j.err != nil {
		h.t.Fatal(j.err)
	}
}

func (h *modelStore) later(fn func(*batch) error) {
	h.jobs = append(h.jobs, &job{kind: jobControl, control: fn})
}

func (h *modelStore) stream(changes []Change) {
	h.pos += 8
	h.jobs = append(h.jobs, &job{kind: jobTransaction, tx: &Transaction{Source: "default", End: h.pos, Changes: changes}})
}

const (
	modelPlaces = 3
	modelKeys   = 4
	modelSpare  = 99 // the key through which a swap goes
)

type modelRow struct {
	n, b  int
	place int // which chunk sees it
}

// model is one history: the states of a table after each transaction, and how far the store and the snapshot are with it.
type model struct {
	h      *modelStore
	r      *rand.Rand
	name   string
	rel    *Relation
	id     TableID
	small  bool // values of b are too small to be kept
	states []map[int]modelRow
	txs    [][]Change
	last   int // newest value

	db, pos int   // transactions that the source, and the stream, are past
	left    []int // chunks to read
	read    []modelChunk
	rereads []modelReread
	fenced  int // source time at which a marker was emitted, -1 if none is under way
}

type modelChunk struct{ rows []Tuple }

type modelReread struct {
	started Position
	rows    []Tuple
}

func newModel(h *modelStore, seed int64) *model {
	h.oid++
	m := &model{
		h: h, r: rand.New(rand.NewSource(seed)), name: fmt.Sprintf("h%d", seed), rel: relation(h.oid, "items", "id", "n", "b"),
		left: nil, fenced: -1,
	}
	m.left = m.r.Perm(modelPlaces)
	m.small = m.r.Intn(4) == 0
	m.generate()
	h.run(func(b *batch) error {
		if err := b.track("default", m.rel); err != nil {
			return err
		}
		m.id = b.s.catalog.byRelation[relationID{"default", m.rel.OID}][0].ID
		return b.begin(m.id, m.rel)
	})
	if m.r.Intn(2) == 0 { // resnapshot: stale rows of an older generation
		h.run(func(b *batch) error {
			var rows []Tuple
			for k := 1; k <= modelKeys; k++ {
				if m.r.Intn(2) == 0 {
					rows = append(rows, m.tuple(k, modelRow{n: -k, b: -k}))
				}
			}
			if err := b.chunk(&Chunk{Table: m.id, Generation: 1, Relation: m.rel, Rows: rows, Last: true}, nil); err != nil {
				return err
			}
			return b.begin(m.id, m.rel)
		})
	}
	return m
}

func (m *model) value() int { m.last++; return m.last }

// generate makes the transactions and the states between them.
func (m *model) generate() {
	now := map[int]modelRow{}
	for k := 1; k <= modelKeys; k++ {
		if m.r.Intn(3) > 0 {
			now[k] = modelRow{m.value(), m.value(), m.r.Intn(modelPlaces)}
		}
	}
	m.states = append(m.states, maps.Clone(now))
	for range 2 + m.r.Intn(10) {
		var changes []Change
		for range 1 + m.r.Intn(3) {
			changes = append(changes, m.change(now)...)
		}
		m.txs = append(m.txs, changes)
		m.states = append(m.states, maps.Clone(now))
	}
}

func (m *model) change(now map[int]modelRow) []Change {
	if m.r.Intn(40) == 0 {
		clear(now)
		return []Change{{Op: Truncate, Truncated: []uint32{m.rel.OID}}}
	}
	k := 1 + m.r.Intn(modelKeys)
	x, ok := now[k]
	if !ok {
		now[k] = modelRow{m.value(), m.value(), m.r.Intn(modelPlaces)}
		return []Change{{Op: Insert, Relation: m.rel, New: m.tuple(k, now[k])}}
	}
	switch m.r.Intn(6) {
	case 0:
		delete(now, k)
		return []Change{{Op: Delete, Relation: m.rel, Old: m.key(k)}}
	case 1:
		now[k] = modelRow{x.n, m.value(), m.r.Intn(modelPlaces)}
		return []Change{{Op: Update, Relation: m.rel, New: m.tuple(k, now[k])}}
	case 2, 3:
		now[k] = modelRow{m.value(), x.b, m.r.Intn(modelPlaces)}
		return []Change{m.toasted(k, k, now[k])}
	}
	other := 1 + m.r.Intn(modelKeys)
	if other == k {
		return nil
	}
	move := func(a, b int) Change {
		y := now[a]
		y.place = m.r.Intn(modelPlaces)
		delete(now, a)
		now[b] = y
		return m.toasted(a, b, y)
	}
	if _, ok := now[other]; ok {
		return []Change{move(k, modelSpare), move(other, k), move(modelSpare, other)}
	}
	return []Change{move(k, other)}
}

// toasted is an update that leaves b unchanged.
func (m *model) toasted(from, to int, x modelRow) Change {
	c := Change{Op: Update, Relation: m.rel, New: m.tuple(to, x)}
	c.New[2] = Unchanged()
	if from != to {
		c.Old = m.key(from)
	}
	return c
}

func (m *model) key(k int) Tuple { return m.rel.oldKey(fmt.Sprintf("%s-%d", m.name, k)) }

func (m *model) tuple(k int, x modelRow) Tuple {
	return tuple(fmt.Sprintf("%s-%d", m.name, k), fmt.Sprint(x.n), m.text(x.b))
}

func (m *model) text(b int) string {
	if m.small {
		return fmt.Sprintf("b%d", b)
	}
	return fmt.Sprintf("%s %d", strings.Repeat("b", imageRowMin), b)
}

func (m *model) want() map[object]string {
	rows := map[object]string{}
	for k, x := range m.states[len(m.txs)] {
		id := fmt.Sprintf("%s-%d", m.name, k)
		rows[object{"items", id}] = fmt.Sprintf(`{"id":%q,"n":"%d","b":%q}`, id, x.n, m.text(x.b))
	}
	return rows
}

func (m *model) table() *table { return m.h.s.catalog.tables[m.id] }

func (m *model) over() bool {
	t := m.table()
	return m.pos == len(m.txs) && t.Phase == Done && t.Partials == 0
}

func (m *model) step() {
	switch m.r.Intn(5) {
	case 0:
		m.db = min(m.db+1, len(m.txs))
	case 1:
		if m.pos < m.db && (m.fenced < 0 || m.fenced > m.pos) {
			m.h.stream(m.txs[m.pos])
			m.pos++
		}
	case 2:
		m.readChunk()
	case 3:
		m.saveChunk()
	case 4:
		m.repair()
	}
}

func (m *model) readChunk() {
	if len(m.left) == 0 {
		return
	}
	var c modelChunk
	state := m.states[m.db]
	for _, k := range slices.Sorted(maps.Keys(state)) {
		if state[k].place == m.left[0] {
			c.rows = append(c.rows, m.tuple(k, state[k]))
		}
	}
	m.left = m.left[1:]
	m.read = append(m.read, c)
}

func (m *model) saveChunk() {
	if len(m.read) == 0 || m.table().Phase != Chunking {
		return
	}
	i := m.r.Intn(len(m.read))
	c := m.read[i]
	m.read = slices.Delete(m.read, i, i+1)
	chunk := &Chunk{
		Table: m.id, Generation: m.table().Generation, Relation: m.rel, Rows: c.rows,
		Last: len(m.read) == 0 && len(m.left) == 0,
	}
	p := m.h.s.prepare(chunk)
	m.h.later(func(b *batch) error { return b.chunk(chunk, p) })
}

// repair does what the replicator does after the chunk phase: re-reads, then a fence.
func (m *model) repair() {
	t := m.table()
	switch {
	case t.Phase != Repairing || t.sweep:
	case m.fenced >= 0:
		if m.pos >= m.fenced {
			m.h.stream([]Change{{Op: Message, Prefix: MarkerPrefix, Content: []byte(m.name)}})
			m.fenced = -1
		}
	case len(m.rereads) > 0 && m.r.Intn(2) == 0:
		rr := &Reread{Table: m.id, Generation: t.Generation, Relation: m.rel, Started: m.rereads[0].started, Rows: m.rereads[0].rows}
		m.rereads = m.rereads[1:]
		m.h.later(func(b *batch) error { return b.reread(rr) })
	case t.Partials > 0 && len(m.rereads) < 3:
		rr := modelReread{started: m.h.s.Applied("default")}
		for k, x := range m.states[m.db] {
			rr.rows = append(rr.rows, m.tuple(k, x))
		}
		m.rereads = append(m.rereads, rr)
	case t.Partials == 0 && len(m.rereads) == 0:
		m.fenced = m.db
		mk := &marker{source: "default", table: t, gen: t.Generation, done: make(chan struct{})}
		m.h.s.update(func() { m.h.s.markers[m.name] = mk })
	}
}
