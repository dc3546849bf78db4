package replicator

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/weirsync/weir/buckets"
)

// TableProgress is how far the snapshot of a tracked table is.
type TableProgress struct {
	Table        buckets.TableID
	Schema, Name string // of the relation itself: of a leaf, where it is partitioned
	Phase        buckets.Phase
	Copying      bool // from the store: nothing of it is read
	Generation   buckets.Generation
	Rows         int64 // stored by this generation's chunks
	Estimated    int64 // rows of the table, from its last ANALYZE; 0 if unknown
	Partials     int
	Waiting      string // what it waits for, "" for nothing
	Definitions  []buckets.DefinitionID
	Stuck        int // how often in a row reading it has met an error that Postgres would give again
	Paused       bool
	Asked        bool             // it is read because somebody asked for it
	Failed       string           // why the last resnapshot that somebody asked for was given up
	Bytes        int64            // of rows that this process has read in this generation
	Rate         float64          // rows a second, since this process began the generation
	Fence        buckets.Position // that the stream has to pass; 0 while there is none

	read   int64     // rows, by this process
	since  time.Time // when it began to read
	paused chan struct{}
}

// Left is how long the chunk phase may still take, 0 if nothing can be said.
func (p *TableProgress) Left() time.Duration {
	if p.Phase != buckets.Chunking || p.Rate <= 0 || p.Estimated <= p.Rows {
		return 0
	}
	return time.Duration(float64(p.Estimated-p.Rows) / p.Rate * float64(time.Second))
}

// tasks is what the store does not know about tables.
type tasks struct {
	mu    sync.Mutex
	known map[buckets.TableID]*TableProgress
	rate  float64 // see Source.Rate
}

func (t *tasks) entry(id buckets.TableID) *TableProgress {
	if t.known == nil {
		t.known = map[buckets.TableID]*TableProgress{}
	}
	if t.known[id] == nil {
		t.known[id] = &TableProgress{Table: id}
	}
	return t.known[id]
}

func (t *tasks) estimate(tables []buckets.Table, u *unit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range tables {
		e := t.entry(tables[i].ID)
		e.Schema, e.Name, e.Estimated = u.schema, u.name, max(u.estimate, 0)
	}
}

func (t *tasks) waiting(id buckets.TableID, what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entry(id).Waiting = what
}

// read notes a chunk that was stored.
func (t *tasks) read(id buckets.TableID, gen buckets.Generation, rows int, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entry(id)
	e.begin(gen)
	e.read += int64(rows)
	e.Bytes += bytes
	if took := time.Since(e.since).Seconds(); took > 0 {
		e.Rate = float64(e.read) / took
	}
}

// begin forgets what an earlier generation has read.
func (p *TableProgress) begin(gen buckets.Generation) {
	if p.Generation != gen || p.since.IsZero() {
		p.Generation, p.since, p.read, p.Bytes, p.Rate, p.Fence = gen, time.Now(), 0, 0, 0, 0
	}
}

// start notes that a generation's chunk phase begins or goes on.
func (t *tasks) start(id buckets.TableID, gen buckets.Generation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entry(id).begin(gen)
}

func (t *tasks) fence(id buckets.TableID, at buckets.Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entry(id).Fence = at
}

// gaveUp notes why a resnapshot that somebody asked for was given up, "" when another one begins.
func (t *tasks) gaveUp(id buckets.TableID, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entry(id).Failed = why
}

func (t *tasks) pause(id buckets.TableID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entry(id); e.paused == nil {
		e.paused = make(chan struct{})
	}
}

func (t *tasks) resume(id buckets.TableID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entry(id); e.paused != nil {
		close(e.paused)
		e.paused = nil
	}
}

// unpaused returns when the table is not paused, or ctx ends.
func (t *tasks) unpaused(ctx context.Context, id buckets.TableID) error {
	t.mu.Lock()
	paused := t.entry(id).paused
	t.mu.Unlock()
	if paused == nil {
		return nil
	}
	select {
	case <-paused:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Progress lists the tracked tables of the source.
func (s *Source) Progress() []TableProgress {
	tables := s.store.Tables(s.cfg.Name)
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	out := make([]TableProgress, 0, len(tables))
	for i := range tables {
		t := &tables[i]
		p := *s.tasks.entry(t.ID)
		if p.Name == "" {
			p.Schema, p.Name = t.Relation.Schema, t.Relation.Name
		}
		p.Phase, p.Generation, p.Rows, p.Partials = t.Phase, t.Generation, t.Rows, t.Partials
		p.Definitions, p.Copying = t.Definitions, t.Copying
		p.Paused, p.Asked = p.paused != nil, asked(t)
		if t.Phase != buckets.Repairing {
			p.Fence = 0
		}
		if conditional(t) {
			p.Estimated = 0 // nobody knows how many rows meet the condition
		}
		out = append(out, p)
	}
	return slices.Clip(out)
}

// failed notes how the last attempt at a table ended.
func (t *tasks) failed(id buckets.TableID, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entry(id)
	e.Waiting = ""
	if err == nil {
		e.Stuck = 0
		return
	}
	if e.Waiting = err.Error(); lasting(err) {
		e.Stuck++
	}
}

// lasting tells whether Postgres would give the error for the same statement again: classes of wrong statements and privileges, of wrong
// data, of what is not supported, and of damaged files.
func lasting(err error) bool {
	switch code(err)[:min(2, len(code(err)))] {
	case "22", "42", "0A", "XX":
		return true
	}
	return false
}

// rateRows is how many rows a table must have had for its rate to say something of others.
const rateRows = 1000

// measured notes how long a table's rows took.
func (t *tasks) measured(rows int64, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if rows >= rateRows || t.rate == 0 && rows > 0 {
		t.rate = float64(rows) / max(took, time.Millisecond).Seconds()
	}
}

// Rate is how many rows a second the last table that was read had, 0 before the first one of this process.
func (s *Source) Rate() float64 {
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	return s.tasks.rate
}
