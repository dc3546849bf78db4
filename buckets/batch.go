package buckets

import (
	"errors"
	"fmt"

	"github.com/weirsync/weir/storage"
)

// batch is one bbolt update: the jobs that were waiting, in order. Rows are changed in an overlay; only its end state is evaluated
// and becomes ops, so a row that changed a hundred times in a batch costs one op.
type batch struct {
	s        *Store
	tx       *storage.Tx
	counters storage.Counters
	before   storage.Checkpoint // as published before this batch
	first    OpID               // id of its first op, and number of its load (load.go)
	loaded   bool               // it has one

	rows      map[string]*row // by full key
	slab      []row           // memory for more
	changed   []*row          // in the order of their first change
	seq       int             // of row changes
	positions map[string]Position
	tables    map[*table]bool // to be stored
	truncated map[*table]bool
	flusher   flusher

	look   bool      // Store.Changed is due
	passed []*marker // to be released once durable
	ended  []*version
	news   news
	tally  tally
	held   bool       // the gate is closed for the active version (I9)
	due    []BucketID // to be compacted
}

func (s *Store) newBatch(tx *storage.Tx) (*batch, error) {
	b := &batch{s: s, tx: tx, rows: map[string]*row{}, positions: map[string]Position{}, tables: map[*table]bool{}, truncated: map[*table]bool{}}
	var err error
	if b.counters, err = tx.Counters(); err != nil {
		return nil, err
	}
	b.first = b.counters.Op
	b.before, err = tx.Checkpoint()
	return b, err
}

// apply runs the jobs and writes what they come to.
func (b *batch) apply(jobs []*job, kept map[string]Position) error {
	if err := b.tx.CollectGarbage(b.before.Op, 1000); err != nil {
		return err
	}
	if err := b.applyStaged(); err != nil {
		return err
	}
	for _, j := range jobs {
		if err := b.job(j); err != nil {
			return err
		}
	}
	for name, pos := range kept {
		if pos > b.position(name) {
			b.setPosition(name, pos)
		}
	}
	if err := b.emptyTruncated(); err != nil {
		return err
	}
	if err := b.flush(); err != nil {
		return err
	}
	for t := range b.tables {
		rec, err := t.record()
		if err != nil {
			return err
		}
		if err := b.tx.PutTable(t.ID, rec); err != nil {
			return err
		}
	}
	for name, pos := range b.positions {
		if err := b.tx.PutPosition(name, pos); err != nil {
			return err
		}
	}
	if err := b.checkpoint(); err != nil {
		return err
	}
	return b.tx.PutCounters(b.counters)
}

// job runs one job. The error of a control job or a chunk is its caller's; one of the stream stops the store.
func (b *batch) job(j *job) error {
	switch j.kind {
	case jobTransaction:
		return b.transaction(j.tx)
	case jobPart:
		return b.part(j.part)
	case jobChore:
		return j.control(b)
	case jobControl, jobChunk:
		j.err = j.control(b)
		if storage.IsCorruption(j.err) {
			return j.err
		}
	}
	return nil
}

// position is how far the source is applied, or will be without another change: to the end of a staged transaction.
func (b *batch) position(source string) Position {
	if p, ok := b.positions[source]; ok {
		return p
	}
	return max(b.s.sources[source].applied, b.s.sources[source].durable)
}

func (b *batch) setPosition(source string, pos Position) {
	b.positions[source] = pos
	b.s.update(func() { b.s.sources[source].applied = pos })
}

// change edits a table's public state and has it stored.
func (b *batch) change(t *table, fn func()) {
	b.s.update(fn)
	b.tables[t] = true
}

// checkpoint publishes everything up to now, unless the gate is closed (I9), and moves to a new version if that is due.
func (b *batch) checkpoint() error {
	if len(b.s.staged) > 0 {
		b.held = b.s.figures.shut
		return nil // half of a transaction is no committed state (I1)
	}
	if err := b.compare(); err != nil {
		return err
	}
	if len(b.s.restored.Sources) > 0 {
		b.held = true
		return nil // what the file has may be older than what clients have (I13)
	}
	activated, err := b.activate()
	if err != nil {
		return err
	}
	v := b.s.catalog.active
	if b.held = v != nil && !b.s.catalog.open(v); v == nil || b.held {
		return nil
	}
	cp := storage.Checkpoint{Op: b.counters.Op - 1, Version: v.ID, Positions: map[string]Position{}}
	moved := activated || cp.Op != b.before.Op
	for _, name := range b.s.catalog.sourceNames {
		cp.Positions[name] = b.position(name)
		moved = moved || cp.Positions[name] != b.before.Positions[name]
	}
	reached := b.reached(cp.Positions)
	if !moved && len(reached) == 0 {
		return nil
	}
	b.news.published, b.news.op, b.news.all, b.news.keys = true, cp.Op, b.news.all || activated, reached
	return b.tx.PutCheckpoint(cp)
}

// transaction applies a source transaction, unless it has been applied before (I6).
func (b *batch) transaction(tx *Transaction) error {
	if b.s.sources[tx.Source] == nil {
		return fmt.Errorf("transaction of source %q, which is not configured", tx.Source)
	}
	if tx.End <= b.position(tx.Source) {
		return nil
	}
	if tx.Parts > 0 {
		return b.commitStaged(tx)
	}
	for i := range tx.Changes {
		if err := b.changeOf(tx, &tx.Changes[i]); err != nil {
			return fmt.Errorf("apply transaction ending at %s of source %s: %w", tx.End, tx.Source, err)
		}
	}
	b.setPosition(tx.Source, tx.End)
	b.tally.committed(tx)
	return nil
}

func (b *batch) changeOf(tx *Transaction, c *Change) error {
	switch c.Op {
	case Message:
		if c.Prefix == MarkerPrefix {
			b.marker(tx.Source, string(c.Content))
		}
		return nil
	case Truncate:
		for _, oid := range c.Truncated {
			for i, t := range b.s.catalog.byRelation[relationID{tx.Source, oid}] {
				if i == 0 {
					b.tally.truncate(tx, t.Relation)
				}
				b.truncate(t)
			}
		}
		return nil
	}
	b.tally.change(tx, c)
	return b.rowChanges(tx, c)
}

// rowChanges applies the change of a row to the tracked tables of its relation.
func (b *batch) rowChanges(tx *Transaction, c *Change) error {
	tables := b.s.catalog.byRelation[relationID{tx.Source, c.Relation.OID}]
	for _, t := range tables {
		if !t.streamed() {
			continue
		}
		if err := b.keepShape(t, c.Relation); err != nil {
			return err
		}
	}
	for _, t := range tables {
		if err := b.adopt(t, c); err != nil && !errors.Is(err, errNoKey) { // applying the change meets that one, too
			return err
		}
	}
	for _, t := range tables {
		if !t.streamed() {
			continue
		}
		err := b.rowChange(t, t.bind(c.Relation), c, tx.End)
		if errors.Is(err, errNoKey) {
			err = b.restart(t, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
