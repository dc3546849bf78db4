package clientstest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/syncrules"
)

// source is the name of the only source.
const source = "default"

// Store is a store whose writer runs, together with the source database that it pretends to replicate.
type Store struct {
	*buckets.Store
	tb   testing.TB
	path string
	stop func()

	mu     sync.Mutex // orders transactions
	pos    buckets.Position
	tables []*Table
}

// NewStore opens an empty store. It is closed when the test ends.
func NewStore(tb testing.TB) *Store {
	tb.Helper()
	s := &Store{tb: tb, path: filepath.Join(tb.TempDir(), "weir.db"), pos: 1000}
	s.open()
	tb.Cleanup(func() { s.stop() })
	return s
}

func (s *Store) open() {
	s.tb.Helper()
	store, err := buckets.Open(s.path, buckets.Options{})
	s.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- store.Run(ctx) }()
	s.Store = store
	s.stop = func() {
		cancel()
		if err := errors.Join(<-done, store.Close(), buckets.Check(s.path)); err != nil {
			s.tb.Errorf("stop store: %v", err)
		}
	}
}

// Reopen closes the store and opens it again, as a restart of the process does. Servers on it must have ended.
func (s *Store) Reopen() {
	s.tb.Helper()
	s.stop()
	s.open()
}

func (s *Store) must(err error) {
	s.tb.Helper()
	if err != nil {
		s.tb.Fatal(err)
	}
}

// Table is a table of text columns, the first of which is the key.
type Table struct {
	rel  *buckets.Relation
	rows map[string]buckets.Tuple
}

var text = &syncrules.Type{OID: 25, Name: "text", Kind: syncrules.TypeBase}

// Table adds a table to the source. Rules that read it must be deployed afterwards.
func (s *Store) Table(name string, columns ...string) *Table {
	rel := &buckets.Relation{OID: uint32(16384 + len(s.tables)), Schema: "public", Name: name, Identity: 'd', Varlena: true}
	for i, c := range columns {
		rel.Columns = append(rel.Columns, buckets.Column{Name: c, Attnum: int16(i + 1), Type: text, Typmod: -1, Key: i == 0, Varlena: true})
	}
	t := &Table{rel: rel, rows: map[string]buckets.Tuple{}}
	s.tables = append(s.tables, t)
	return t
}

// Change is a change of a row that Commit makes.
type Change struct {
	table  *Table
	op     buckets.Op
	values []string
}

// Insert inserts a row.
func (t *Table) Insert(values ...string) Change { return Change{t, buckets.Insert, values} }

// Update replaces the row with the same key.
func (t *Table) Update(values ...string) Change { return Change{t, buckets.Update, values} }

// Delete deletes the row with this key.
func (t *Table) Delete(key string) Change { return Change{t, buckets.Delete, []string{key}} }

// tuple makes a row of c's values.
func (c *Change) tuple() buckets.Tuple {
	out := make(buckets.Tuple, len(c.table.rel.Columns))
	for i, v := range c.values {
		out[i] = []byte(v)
	}
	return out
}

// apply keeps the table's own rows up to date and returns the change as the source sends it.
func (c *Change) apply() buckets.Change {
	if c.op == buckets.Delete {
		delete(c.table.rows, c.values[0])
		return buckets.Change{Op: c.op, Relation: c.table.rel, Old: c.tuple()}
	}
	c.table.rows[c.values[0]] = c.tuple()
	return buckets.Change{Op: c.op, Relation: c.table.rel, New: c.tuple()}
}

// Commit commits a transaction and waits until the store has it.
func (s *Store) Commit(changes ...Change) {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []buckets.Change
	for _, c := range changes {
		out = append(out, c.apply())
	}
	s.commitLocked(context.Background(), out...)
}

func (s *Store) commitLocked(ctx context.Context, changes ...buckets.Change) {
	s.tb.Helper()
	s.pos += 8
	bytes := 100
	for _, c := range changes {
		for _, v := range c.New {
			bytes += len(v)
		}
	}
	s.must(s.Apply(ctx, &buckets.Transaction{Source: source, End: s.pos, Time: time.Now(), Changes: changes, Bytes: bytes}))
	s.must(s.WaitDurable(ctx, source, s.pos))
}

// Deploy deploys rules and takes them all the way to being active.
func (s *Store) Deploy(rules string) {
	s.tb.Helper()
	ctx := context.Background()
	v, faults, err := s.Store.Deploy(ctx, rules, "")
	s.must(err)
	if v.ID == 0 {
		s.tb.Fatalf("the rules have faults: %+v", faults)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tables {
		_, err := s.Track(ctx, source, t.rel)
		s.must(err)
	}
	var defs []buckets.DefinitionID
	for _, d := range s.Definitions() {
		defs = append(defs, d.ID)
	}
	s.must(s.Planned(ctx, source, defs))
	for _, t := range s.Tables(source) {
		if t.Phase != buckets.Done {
			s.snapshotLocked(ctx, t)
		}
	}
}

// snapshotLocked takes a tracked table through its snapshot.
func (s *Store) snapshotLocked(ctx context.Context, t buckets.Table) {
	s.tb.Helper()
	i := slices.IndexFunc(s.tables, func(x *Table) bool { return x.rel.OID == t.Relation.OID })
	var rows []buckets.Tuple
	for _, row := range s.tables[i].rows {
		rows = append(rows, row)
	}
	gen, err := s.BeginGeneration(ctx, t.ID, t.Relation)
	s.must(err)
	s.must(s.SaveChunk(ctx, &buckets.Chunk{Table: t.ID, Generation: gen, Relation: t.Relation, Rows: rows, Last: true}))
	nonce := fmt.Sprintf("fence-%d-%d", t.ID, s.pos)
	done, err := s.Fence(ctx, t.ID, gen, nonce, func(ctx context.Context) error {
		s.commitLocked(ctx, marker(nonce))
		return nil
	})
	s.must(err)
	if !done {
		s.tb.Fatal("the fence found partial rows")
	}
}

func marker(content string) buckets.Change {
	return buckets.Change{Op: buckets.Message, Prefix: buckets.MarkerPrefix, Content: []byte(content)}
}

// Heads returns a position that the store has not applied yet: something unrelated to weir was written.
func (s *Store) Heads(context.Context) (map[string]buckets.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pos += 8
	return map[string]buckets.Position{source: s.pos}, nil
}

// Mark emits a marker.
func (s *Store) Mark(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commitLocked(ctx, marker("write"))
	return nil
}
