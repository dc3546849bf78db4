package buckets

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/weirsync/weir/storage"
)

// Phase of a tracked table's current generation.
type Phase uint8

// Phases, in order. Only a Done table without partial rows lets checkpoints through (I9).
const (
	Registered Phase = iota // known, no generation begun
	Chunking                // chunks are being read
	Repairing               // chunk phase over; partial rows may have to be re-read, then a fence
	Done                    // fence passed
)

// Table is a tracked table: a relation together with the definitions that are snapshotted with it. A snapshot of its state,
// immutable.
type Table struct {
	ID          TableID
	Source      string
	Relation    *Relation
	Definitions []DefinitionID
	Generation  Generation
	Phase       Phase
	Copying     bool   // in phase Chunking: the store builds it from another table of the relation, nothing is to be read
	Partials    int    // rows with unknown values that must be re-read
	Rows        int64  // rows that chunks of this generation brought
	Progress    []byte // what the last SaveChunk left, opaque to the store; nil at the beginning of a generation
}

// ErrStaleGeneration is returned for work of a generation, or of a chunk phase, that is over: the table began another
// generation, was truncated, or is no longer tracked. The caller looks at Tables again.
var ErrStaleGeneration = errors.New("the table's generation or chunk phase is over")

// Tables lists the tracked tables of a source that live definitions need, by id.
func (s *Store) Tables(source string) []Table {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []Table
	for _, t := range s.catalog.tables {
		if t.Source == source && t.wanted() && !t.dropped {
			out = append(out, t.Table)
		}
	}
	slices.SortFunc(out, func(a, b Table) int { return int(a.ID) - int(b.ID) })
	return out
}

// Track declares that rel is a table of source. Definitions that read it and have no tracked table for it yet get one, in phase
// Registered; existing ones are left alone. It reports the wanted tables of rel that now exist. Idempotent.
//
// replaced are tables of relations in whose place rel is now. One whose definitions have no table of rel is reported, too, and stays as it
// is: BeginGeneration with rel makes it rel's.
func (s *Store) Track(ctx context.Context, source string, rel *Relation, replaced ...TableID) ([]Table, error) {
	var out []Table
	err := s.do(ctx, func(b *batch) error {
		inherited, err := b.track(source, rel, replaced)
		if err != nil {
			return err
		}
		for _, t := range append(slices.Clone(s.catalog.byRelation[relationID{source, rel.OID}]), inherited...) {
			if t.wanted() && !t.dropped {
				out = append(out, t.Table)
			}
		}
		return nil
	})
	if err != nil { // of ctx: the job may still run, and write to out
		return nil, err
	}
	return out, nil
}

// Untrack declares that tables are gone from their source: dropped, detached, or under a name that no rule reads. The rows of all of them
// go from all buckets, at one checkpoint: a partitioned table goes with its leaves. The caller has awaited a marker since it saw them gone.
// Track brings a table back, in phase Registered.
func (s *Store) Untrack(ctx context.Context, ids ...TableID) error {
	return s.do(ctx, func(b *batch) error {
		for _, id := range ids {
			if t := s.catalog.tables[id]; t != nil && !t.dropped {
				b.untrack(t)
			}
		}
		return nil
	})
}

func (b *batch) untrack(t *table) {
	b.refuse(t)
	b.change(t, func() {
		t.Generation++ // every row is of an older one
		t.Phase, t.Partials, t.Rows, t.Progress = Repairing, 0, 0, nil
		t.dropped, t.sweep, t.cursor, t.swept = true, true, nil, false
		t.copy, t.Copying = nil, false
	})
	b.look = true
	b.s.log.Info("table is gone", "source", t.Source, "table", t.Relation.Schema+"."+t.Relation.Name)
}

// track tracks rel, and returns those of the replaced tables that become rel's.
func (b *batch) track(source string, rel *Relation, replaced []TableID) (inherited []*table, err error) {
	c := &b.s.catalog
	covered := map[DefinitionID]bool{}
	for _, t := range c.byRelation[relationID{source, rel.OID}] {
		if t.dropped && t.wanted() {
			b.change(t, func() { t.dropped, t.sweep, t.Phase, t.Relation = false, false, Registered, rel })
			b.look = true
		}
		for _, id := range t.Definitions {
			covered[id] = true
		}
	}
	inherited = c.inherit(replaced, covered)
	target := rulesRelation(source, rel)
	var missing []DefinitionID
	for id, d := range c.definitions {
		if d.alive() && !covered[id] && d.rules.Bind(target) != nil {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return inherited, nil
	}
	slices.Sort(missing)
	t := &table{Table: Table{ID: b.counters.Table, Source: source, Relation: rel, Definitions: missing}}
	b.counters.Table++
	b.look = true
	b.tables[t] = true
	b.s.update(func() { err = c.addTable(t) })
	if err != nil {
		return nil, err
	}
	return inherited, b.beginCopy(t)
}

// inherit returns those of the replaced tables whose definitions are not covered yet, and covers them.
func (c *catalog) inherit(replaced []TableID, covered map[DefinitionID]bool) (inherited []*table) {
	for _, old := range replaced {
		t := c.tables[old]
		if t == nil || t.dropped || !t.wanted() || slices.ContainsFunc(t.Definitions, func(id DefinitionID) bool { return covered[id] }) {
			continue
		}
		inherited = append(inherited, t)
		for _, id := range t.Definitions {
			covered[id] = true
		}
	}
	return inherited
}

// table returns a tracked table whose generation is gen.
func (b *batch) table(id TableID, gen Generation) (*table, error) {
	t := b.s.catalog.tables[id]
	if t == nil || t.Generation != gen || !t.wanted() {
		return nil, ErrStaleGeneration
	}
	return t, nil
}

// BeginGeneration starts the next snapshot of a table (architecture 5.3b): from the position at which it is applied, streamed rows
// are marked touched in it. rel is the table's current description, or a relation that has replaced the table's (Track): its rows are
// compared with those of the old one (I12), and changes of the old one end here, so the caller has awaited a marker since it saw that one
// gone. The caller then takes the Barrier, then reads chunks.
func (s *Store) BeginGeneration(ctx context.Context, id TableID, rel *Relation) (Generation, error) {
	var gen Generation
	err := s.do(ctx, func(b *batch) error {
		if err := b.begin(id, rel); err != nil {
			return err
		}
		gen = s.catalog.tables[id].Generation
		return nil
	})
	if err != nil { // of ctx: the job may still run, and write to gen
		return 0, err
	}
	return gen, nil
}

func (b *batch) begin(id TableID, rel *Relation) error {
	t := b.s.catalog.tables[id]
	if t == nil || !t.wanted() {
		return ErrStaleGeneration
	}
	b.refuse(t)
	b.change(t, func() {
		b.s.catalog.relate(t, rel)
		t.Phase, t.Partials, t.Rows, t.Progress = Chunking, 0, 0, nil
		t.Generation++
		t.sweep, t.cursor, t.swept, t.fitting = false, nil, false, nil
		t.verified, t.fresh = false, nil
		t.whole, t.copy, t.Copying = b.s.keepsAll(), nil, false
	})
	b.look = true
	b.s.log.Info("snapshot begins", "source", t.Source, "table", rel.Schema+"."+rel.Name, "id", uint64(t.ID),
		"generation", t.Generation)
	return nil
}

// restart begins a table anew because the stream brought a change that does not say which row it is of: the replica identity is
// another one now. The gate is closed until whoever drives snapshots has read the table, in whatever shape it is then.
func (b *batch) restart(t *table, why error) error {
	b.s.log.Warn("a change can't be applied: the table is read again", "source", t.Source, "table", t.Relation.Schema+"."+t.Relation.Name,
		"why", why)
	return b.begin(t.ID, t.Relation)
}

// partialBytes bounds what Partials returns: where there is no key, whole rows (I14).
const partialBytes = 4 << 20

// Partials returns keys (key columns set, others nil; without a key all columns) of up to limit rows that have unknown values, of one at
// least if there is one.
func (s *Store) Partials(ctx context.Context, id TableID, limit int) ([]Tuple, error) {
	var keys []Tuple
	err := s.do(ctx, func(b *batch) (err error) {
		keys, err = b.partials(id, limit)
		return err
	})
	if err != nil { // of ctx: the job may still run, and write to keys
		return nil, err
	}
	return keys, nil
}

func (b *batch) partials(id TableID, limit int) (keys []Tuple, err error) {
	t := b.s.catalog.tables[id]
	if t == nil || !t.wanted() {
		return nil, ErrStaleGeneration
	}
	bd, size := t.bind(t.Relation), 0
	take := func(key Tuple) (more bool) {
		keys = append(keys, key)
		for _, v := range key {
			size += len(v)
		}
		return len(keys) < limit && size < partialBytes
	}
	more := true
	if err := b.tx.Marks(id, func(key []byte, m storage.Mark) (bool, error) {
		if len(m.Columns) == 0 {
			return true, nil
		}
		r, err := b.row(t, key)
		if err != nil || !r.partial() || r.seq > 0 {
			return true, err
		}
		more = take(bd.keyOf(&m))
		return more, nil
	}); err != nil {
		return nil, err
	}
	for _, r := range b.rows { // those that this batch made partial are not in the file yet
		if more && r.t == t && r.seq > 0 && r.partial() {
			more = take(bd.keyFrom(r))
		}
	}
	return keys, nil
}

// keyOf returns the key columns of a partial row.
func (bd *binding) keyOf(m *storage.Mark) Tuple {
	row := make(Tuple, len(bd.rel.Columns))
	for _, c := range m.Columns {
		if i, ok := bd.attnum[c.Attnum]; ok && slices.Contains(bd.key, i) && !c.Unknown && !c.Null {
			row[i] = slices.Clone(c.Text)
		}
	}
	return row
}

// keyFrom returns the key columns of a partial row in the overlay, which the stream may have brought in another shape.
func (bd *binding) keyFrom(r *row) Tuple {
	key := make(Tuple, len(bd.rel.Columns))
	for _, i := range bd.key {
		if j, ok := r.bd.attnum[bd.rel.Columns[i].Attnum]; ok {
			key[i] = bytes.Clone(r.tuple[j])
		}
	}
	return key
}
