package buckets

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/storage"
)

var (
	modelSeed      = flag.Int64("model.seed", 1, "first seed of TestModel")
	modelHistories = flag.Int("model.histories", 2000, "histories of TestModel")
)

// TestModel plays random histories of a small table against the real writer: inserts, updates with unchanged TOAST, deletes, key
// moves and swaps, truncates, in transactions, some of them staged; tables with a key and without; chunks and re-reads of any moment,
// saved in any order and grouped into batches by chance; tables copied from others in the store; restarts in between. Every history ends with exactly the source's rows (I8,
// I15). -model.seed and -model.histories steer it.
func TestModel(t *testing.T) {
	const perStore = 200
	for from := 0; from < *modelHistories; from += perStore {
		seed := *modelSeed + int64(from)
		if fault := playModels(t, seed, min(perStore, *modelHistories-from), modelRules{}); fault != "" {
			t.Fatalf("seed %d: %s", seed, fault)
		}
	}
}

// modelRules are rules that a model leaves out: of the writer, and of who reads the source and hands transactions over.
type modelRules struct {
	omit
	barrier bool // a re-read sees what the stream has applied
	staging bool // a transaction in parts is applied when its commit is there
}

// TestModelMissesEachRule: the model finds a wrong history soon when a rule is left out, so none is there for nothing.
func TestModelMissesEachRule(t *testing.T) {
	const perStore, histories = 100, 4000
	for name, without := range map[string]modelRules{
		"tombstones": {omit: omit{tombstones: true}},
		"touched":    {omit: omit{touched: true}},
		"unverified": {omit: omit{unverified: true}},
		"fresh":      {omit: omit{fresh: true}},
		"moved":      {omit: omit{moved: true}},
		"since":      {omit: omit{since: true}},
		"generation": {omit: omit{generation: true}},
		"duplicates": {omit: omit{duplicates: true}},
		"barrier":    {barrier: true},
		"staging":    {staging: true},
	} {
		t.Run(name, func(t *testing.T) {
			for from := 0; from < histories; from += perStore {
				if fault := playModels(t, *modelSeed+int64(from), perStore, without); fault != "" {
					t.Logf("within %d histories: %.200s", from+perStore, fault)
					return
				}
			}
			t.Errorf("%d histories came out right without the rule (seed %d)", histories, *modelSeed)
		})
	}
}

// modelFault is what a model panics with when the writer refuses something.
type modelFault string

// playModels plays n histories side by side in one store, a step of each per round. It returns what came out wrong.
func playModels(t *testing.T, seed int64, n int, without modelRules) (fault string) {
	h := &modelStore{t: t, path: filepath.Join(t.TempDir(), "weir.db"), r: rand.New(rand.NewSource(seed)), pos: 1000, without: without}
	if h.r.Intn(2) == 0 {
		h.opts.RowImages, h.opts.copyRows = RowImagesAll, 1
	}
	h.open()
	defer func() {
		h.close()
		switch f := recover().(type) {
		case nil:
		case modelFault:
			fault = string(f)
		default:
			panic(f)
		}
		if report, err := storage.Check(h.path); fault == "" && (err != nil || !report.OK()) {
			fault = fmt.Sprintf("check: %v %+v", err, report)
		}
	}()
	h.deploy(modelText)
	models := make([]*model, n)
	for i := range models {
		models[i] = newModel(h, seed+int64(i))
	}
	h.plan()
	for round := 0; ; round++ {
		busy := false
		if round == 20 && h.opts.RowImages == RowImagesAll {
			h.deploy(modelText + "  again:\n    data: [SELECT * FROM items AS twins]\n")
			h.twins = true
		}
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
		if h.r.Intn(50) == 0 {
			h.reopen()
			h.plan()
			for _, m := range models {
				m.fenced = -1 // who waited for a marker is gone
				if m.twin != nil {
					m.twin.fenced = -1
				}
			}
		}
		if round > 5000 {
			return "the histories come to no end"
		}
	}
	got, err := clientRows(h.s, "ann")
	if err != nil {
		return err.Error()
	}
	want := map[object]string{}
	for _, m := range models {
		maps.Copy(want, m.want())
	}
	if d := cmp.Diff(want, got); d != "" {
		return "client's rows (-want +got):\n" + d
	}
	return ""
}

// modelStore drives the writer by hand, so that the test decides what makes a batch.
type modelStore struct {
	t       *testing.T
	s       *Store
	path    string
	r       *rand.Rand
	jobs    []*job
	pos     Position
	oid     uint32
	without modelRules
	opts    Options
	twins   bool // models get a second table
}

const modelText = "bucket_definitions:\n  all:\n    data: [SELECT * FROM items]\n"

func (h *modelStore) deploy(text string) {
	program := mustCompile(h.t, text)
	h.run(func(b *batch) error {
		_, err := b.deploy(program, text, "")
		return err
	})
	h.plan()
}

func (h *modelStore) open() {
	var err error
	if h.s, err = Open(h.path, h.opts); err != nil {
		h.t.Fatal(err)
	}
	h.s.omit = h.without.omit
	h.s.loads = loadLimits{
		blocks: 1 + h.r.Intn(3), batch: 1 + h.r.Intn(4), most: 1 + h.r.Intn(4), served: 1 + h.r.Intn(3),
		rest: time.Duration(h.r.Intn(2)) * time.Hour, step: 1 + h.r.Intn(4),
	}
	h.s.runs = runLimits{most: 1 + h.r.Intn(4), share: 1 + uint64(h.r.Intn(4)), step: 1 + h.r.Intn(3)}
	h.s.known.limit = h.r.Intn(3) * openBytes
	h.s.db.SetRunRows(1 + h.r.Intn(4))
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

// commit makes the jobs one batch, but for what stands behind a staged transaction, which is applied first (see cut).
func (h *modelStore) commit() {
	jobs := h.jobs
	h.jobs = nil
	for {
		n := 1 + slices.IndexFunc(jobs, (*job).staged)
		if n == 0 {
			n = len(jobs)
		}
		h.update(jobs[:n])
		for len(h.s.staged) > 0 {
			if h.r.Intn(500) == 0 {
				h.reopen()
				h.plan()
			}
			h.update(nil)
		}
		if jobs = jobs[n:]; len(jobs) == 0 {
			return
		}
	}
}

func (h *modelStore) update(jobs []*job) {
	kept := map[string]Position{}
	err := h.s.commit(context.Background(), jobs, kept)
	if err == nil && len(h.s.staged) == 0 {
		err = h.s.chore(context.Background(), kept)
	}
	if err != nil {
		panic(modelFault(err.Error()))
	}
}

func (h *modelStore) run(fn func(*batch) error) {
	j := &job{kind: jobControl, control: fn}
	h.jobs = append(h.jobs, j)
	h.commit()
	if j.err != nil {
		panic(modelFault(j.err.Error()))
	}
}

func (h *modelStore) later(fn func(*batch) error) {
	h.jobs = append(h.jobs, &job{kind: jobControl, control: fn})
}

// stream hands a transaction over, some in two parts, and some of these after a first attempt that broke off between the two.
func (h *modelStore) stream(changes []Change) {
	h.pos += 8
	whole := &Transaction{Source: "default", End: h.pos, Changes: changes}
	if len(changes) < 2 || h.r.Intn(3) > 0 {
		h.jobs = append(h.jobs, &job{kind: jobTransaction, tx: whole})
		return
	}
	cut := 1 + h.r.Intn(len(changes)-1)
	if h.without.staging { // the first part is applied as it comes, the connection breaks, and all of it comes again
		first := &Transaction{Source: "default", End: h.pos - 4, Changes: changes[:cut]}
		h.jobs = append(h.jobs, &job{kind: jobTransaction, tx: first}, &job{kind: jobTransaction, tx: whole})
		return
	}
	part := &job{kind: jobPart, part: &Part{Source: "default", Changes: changes[:cut]}}
	if h.r.Intn(2) == 0 {
		h.jobs = append(h.jobs, part)
	}
	whole.Changes, whole.Parts = changes[cut:], 1
	h.jobs = append(h.jobs, part, &job{kind: jobTransaction, tx: whole})
}

const (
	modelPlaces = 3
	modelKeys   = 4
	modelSpare  = 99 // the key through which a swap goes
)

type modelRow struct {
	n, b  int // without a key only n counts, which is one of a few
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
	bag    bool // the table has no key: the model's keys are only places
	states []map[int]modelRow
	txs    [][]Change
	last   int // newest value

	db, pos int   // transactions that the source, and the stream, are past
	left    []int // chunks to read
	read    []modelChunk
	rereads []modelReread
	fenced  int // source time at which a marker was emitted, -1 if none is under way

	twin *model // of a second table that was copied from this one; nil if there is none
}

type modelChunk struct {
	gen   Generation
	place int // where it was read
	rows  []Tuple
}

type modelReread struct {
	started    Position
	gen        Generation
	keys, rows []Tuple
}

func newModel(h *modelStore, seed int64) *model {
	h.oid++
	m := &model{
		h: h, r: rand.New(rand.NewSource(seed)), name: fmt.Sprintf("h%d", seed), rel: relation(h.oid, "items", "id", "n", "b"),
		left: nil, fenced: -1,
	}
	m.left = m.r.Perm(modelPlaces)
	m.small = m.r.Intn(4) == 0
	if m.bag = m.r.Intn(3) == 0; m.bag {
		m.rel.Columns[0].Key, m.rel.Identity = false, 'f'
	}
	m.generate()
	first := *m.rel
	again := m.r.Intn(2) == 0
	if again && seed%2 == 0 { // of the table that replaces this one
		h.oid++
		first.OID = h.oid
	}
	h.run(func(b *batch) error {
		if _, err := b.track("default", &first, nil); err != nil {
			return err
		}
		m.id = b.s.catalog.byRelation[relationID{"default", first.OID}][0].ID
		return b.begin(m.id, &first)
	})
	if again { // resnapshot: stale rows of an older generation
		h.run(func(b *batch) error {
			var rows []Tuple
			for k := 1; k <= modelKeys; k++ {
				if m.r.Intn(2) == 0 {
					rows = append(rows, m.tuple(k, modelRow{n: -k, b: -k}))
				}
			}
			c := &Chunk{Table: m.id, Generation: 1, Relation: &first, Rows: rows, Last: true}
			if err := b.chunk(unprepared(c).whole(c)); err != nil {
				return err
			}
			return b.begin(m.id, m.rel)
		})
	}
	return m
}

// value is a new one, or in a table without a key one of a few, so that rows are equal.
func (m *model) value() int {
	if m.bag {
		return 1 + m.r.Intn(3)
	}
	m.last++
	return m.last
}

// generate makes the transactions and the states between them.
func (m *model) generate() {
	now := map[int]modelRow{}
	for k := 1; k <= modelKeys; k++ {
		if m.r.Intn(3) > 0 {
			now[k] = modelRow{m.value(), m.value(), m.r.Intn(modelPlaces)}
		}
	}
	m.states = append(m.states, maps.Clone(now))
	transactions := 2 + m.r.Intn(10)
	if m.r.Intn(4) == 0 {
		transactions += 30 // much of it behind the first fence
	}
	for range transactions {
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
	if m.bag {
		return m.bagChange(now, k)
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

// bagChange deletes or changes a row without a key; an update can also leave it as it is but for its place.
func (m *model) bagChange(now map[int]modelRow, k int) []Change {
	old := m.tuple(k, now[k])
	if m.r.Intn(2) == 0 {
		delete(now, k)
		return []Change{{Op: Delete, Relation: m.rel, Old: old, OldFull: true}}
	}
	now[k] = modelRow{n: m.value(), place: m.r.Intn(modelPlaces)}
	c := Change{Op: Update, Relation: m.rel, Old: old, OldFull: true, New: m.tuple(k, now[k])}
	c.New[2] = Unchanged()
	return []Change{c}
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
	if m.bag {
		return tuple(fmt.Sprintf("%s-%d", m.name, x.n), nil, m.text(0))
	}
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
		if m.twin != nil {
			id := fmt.Sprintf("%s-%d", m.name, k)
			rows[object{"twins", id}] = fmt.Sprintf(`{"id":%q,"n":"%d","b":%q}`, id, x.n, m.text(x.b))
		}
		if m.bag {
			id := fmt.Sprintf("%s-%d", m.name, x.n)
			rows[object{"items", id}] = fmt.Sprintf(`{"id":%q,"n":null,"b":%q}`, id, m.text(0))
			continue
		}
		id := fmt.Sprintf("%s-%d", m.name, k)
		rows[object{"items", id}] = fmt.Sprintf(`{"id":%q,"n":"%d","b":%q}`, id, x.n, m.text(x.b))
	}
	return rows
}

func (m *model) table() *table { return m.h.s.catalog.tables[m.id] }

func (m *model) over() bool {
	return m.pos == len(m.txs) && m.table().complete() && (m.twin == nil || m.twin.table().complete())
}

func (m *model) step() {
	switch {
	case m.twin != nil:
		m.twin.follow(m)
	case m.h.twins && !m.bag && m.table().complete():
		m.double()
	}
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

// double tracks the table for another definition, for which the store has all it needs.
func (m *model) double() {
	twin := *m
	m.h.run(func(b *batch) error {
		_, err := b.track("default", m.rel, nil)
		tables := b.s.catalog.byRelation[relationID{"default", m.rel.OID}]
		if twin.id = tables[len(tables)-1].ID; twin.id == m.id || !tables[len(tables)-1].Copying {
			return errors.Join(err, errors.New("the table is not copied"))
		}
		return err
	})
	twin.fenced = -1
	m.twin = &twin
}

// follow does what a twin may need: a fence after a truncate, but no row of the source, ever.
func (m *model) follow(first *model) {
	m.db, m.pos = first.db, first.pos
	if t := m.table(); t.Partials > 0 || t.Phase == Chunking && !t.Copying {
		panic(modelFault(fmt.Sprintf("a copied table would have to read the source: %+v", t.Table)))
	}
	m.repair()
}

func (m *model) readChunk() {
	if len(m.left) == 0 {
		return
	}
	c := modelChunk{gen: m.table().Generation, place: m.left[0]}
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
	if len(c.rows) > 1 && m.r.Intn(3) == 0 {
		m.savePortion(c)
		return
	}
	chunk := &Chunk{
		Table: m.id, Generation: c.gen, Relation: m.rel, Rows: c.rows,
		Last: len(m.read) == 0 && len(m.left) == 0,
	}
	p := m.h.s.prepare(chunk)
	m.h.later(func(b *batch) error { return b.chunk(p.whole(chunk)) })
}

// savePortion stores the first rows of a chunk. The others are stored some time later, or the chunk is read again as after a crash.
func (m *model) savePortion(c modelChunk) {
	n := 1 + m.r.Intn(len(c.rows)-1)
	chunk := &Chunk{Table: m.id, Generation: c.gen, Relation: m.rel, Rows: c.rows[:n]}
	p := m.h.s.prepare(chunk)
	m.h.later(func(b *batch) error { return b.chunk(portion{chunk: chunk, prepared: p, rows: p.rows}) })
	if m.r.Intn(2) == 0 {
		m.left = append(m.left, c.place)
		return
	}
	c.rows = c.rows[n:]
	m.read = append(m.read, c)
}

// repair does what the replicator does after the chunk phase: re-reads, then a fence.
func (m *model) repair() {
	t := m.table()
	switch {
	case t.Phase != Repairing || t.sweep:
	case m.fenced >= 0:
		if m.pos >= m.fenced {
			m.h.stream([]Change{{Op: Message, Prefix: MarkerPrefix, Content: []byte(m.nonce())}})
			m.fenced = -1
		}
	case len(m.rereads) > 0 && m.r.Intn(2) == 0:
		first := m.rereads[0]
		rr := &Reread{Table: m.id, Generation: first.gen, Relation: m.rel, Started: first.started, Keys: first.keys, Rows: first.rows}
		m.rereads = m.rereads[1:]
		m.h.later(func(b *batch) error { return b.reread(rr) })
	case t.Partials > 0 && len(m.rereads) < 3 && (len(m.rereads) > 0 || m.r.Intn(3) > 0):
		m.reread()
	case len(m.rereads) == 0:
		m.fenced = m.db
		mk := &marker{source: "default", table: t, gen: t.Generation, done: make(chan struct{})}
		m.h.s.update(func() { m.h.s.markers[m.nonce()] = mk })
	}
}

func (m *model) nonce() string { return fmt.Sprintf("%s-%d", m.name, m.id) }

// reread reads all rows, as of now. Without the Barrier that can be before what the stream has brought already.
func (m *model) reread() {
	at := m.db
	if m.h.without.barrier {
		at = max(at-m.r.Intn(2), 0)
	}
	rr := modelReread{started: m.h.s.Applied("default"), gen: m.table().Generation, keys: m.partials()}
	for k, x := range m.states[at] {
		rr.rows = append(rr.rows, m.tuple(k, x))
	}
	m.rereads = append(m.rereads, rr)
}

// partials are the keys that a re-read would ask for.
func (m *model) partials() (keys []Tuple) {
	m.h.run(func(b *batch) (err error) {
		keys, err = b.partials(m.id, modelKeys)
		return err
	})
	return keys
}
