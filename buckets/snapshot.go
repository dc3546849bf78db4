package buckets

import (
	"context"
	"slices"

	"github.com/weirsync/weir/storage"
)

// Chunk is a part of a table read in one short transaction whose commit has returned (architecture 5.4).
type Chunk struct {
	Table      TableID
	Generation Generation
	Relation   *Relation
	Rows       []Tuple // complete rows; they belong to the store afterwards
	Bytes      int     // memory that Rows hold, about
	Progress   []byte  // stored with the rows in one bbolt update (I6)
	Last       bool    // no chunk follows: the table goes on to Repairing
}

// SaveChunk stores a chunk under the rule that the stream wins (I8) and returns when it is durable.
func (s *Store) SaveChunk(ctx context.Context, c *Chunk) error {
	p := s.prepare(c)
	j := &job{kind: jobChunk, bytes: c.Bytes, control: func(b *batch) error { return b.chunk(c, p) }}
	err := s.queue.run(ctx, j)
	if p != nil && j.ended() {
		p.release()
	}
	return err
}

func (b *batch) chunk(c *Chunk, p *prepared) error {
	t, err := b.table(c.Table, c.Generation)
	if err != nil {
		return err
	}
	if t.Phase != Chunking {
		return ErrStaleGeneration
	}
	if err := b.chunkRows(t, c, p); err != nil {
		return err
	}
	b.tally.table(t.Source, c.Relation).Snapshot += int64(len(c.Rows))
	b.change(t, func() {
		t.Rows += int64(len(c.Rows))
		t.Progress = c.Progress
		if c.Last {
			t.Phase = Repairing
		}
	})
	b.look = b.look || c.Last
	return nil
}

func (b *batch) chunkRows(t *table, c *Chunk, p *prepared) error {
	bd := t.bind(c.Relation)
	if p != nil && p.bd == bd {
		b.flusher.errors += p.sc.errors
		for i := range p.rows {
			if err := b.chunkRow(t, bd, &p.rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
	for _, tuple := range c.Rows {
		full, err := bd.rowKey(storage.RowKey(nil, t.ID, nil), tuple, nil)
		if err != nil {
			return err
		}
		if err := b.chunkRow(t, bd, &preparedRow{full: full, tuple: tuple}); err != nil {
			return err
		}
	}
	return nil
}

// chunkRow stores a row that a chunk read, unless this generation has it already. A row that the stream touched only gets the
// values that it lacks, and only those that did not move with a key (I8). A tombstone stays one.
func (b *batch) chunkRow(t *table, bd *binding, p *preparedRow) error {
	r, err := b.rowAt(t, p.full)
	if err != nil {
		return err
	}
	if bd.bag && r.current() {
		b.bagChunkRow(r, bd, p.tuple)
		return nil
	}
	if !r.current() || b.s.omit.touched {
		b.set(r, bd, p.tuple, nil, storage.Unverified)
		if p.evaluated {
			r.ev, r.evaluated = p.ev, r.seq
		}
		return nil
	}
	tuple := p.tuple
	if r.gone || !r.partial() {
		return nil
	}
	return b.fill(r, bd, tuple, func(u *unknown) bool { return !u.moved || b.s.omit.moved })
}

// fill gives a partial row values that were read from the source, for the unknown columns that may take them. They are unverified.
func (b *batch) fill(r *row, bd *binding, read Tuple, may func(*unknown) bool) error {
	if err := b.load(r, bd, 0); err != nil {
		return err
	}
	tuple, lost, filled := slices.Clone(r.tuple), []unknown(nil), false
	for _, u := range r.unknown {
		if i, ok := bd.attnum[r.bd.rel.Columns[u.col].Attnum]; ok && may(&u) {
			tuple[u.col], filled = read[i], true
		} else {
			lost = append(lost, u)
		}
	}
	if filled {
		b.set(r, r.bd, tuple, lost, r.flags&storage.Touched|storage.Unverified)
	}
	return nil
}

// Reread is the answer to a re-read of partial rows by key.
type Reread struct {
	Table      TableID
	Generation Generation
	Relation   *Relation
	Started    Position // Applied(source) at the moment when the Barrier started
	Keys       []Tuple  // that were asked for, as Partials gave them
	Rows       []Tuple  // complete rows found; one that is not found any more is removed by the stream, if it has a key
}

// SaveReread completes partial rows with what a re-read brought; rows that became partial after Started stay so, since the re-read
// may be older than they are.
func (s *Store) SaveReread(ctx context.Context, rr *Reread) error {
	return s.do(ctx, func(b *batch) error { return b.reread(rr) })
}

func (b *batch) reread(rr *Reread) error {
	t, err := b.table(rr.Table, rr.Generation)
	if err != nil {
		return err
	}
	bd := t.bind(rr.Relation)
	if bd.bag {
		return b.recount(t, bd, rr)
	}
	for _, tuple := range rr.Rows {
		key, err := bd.rowKey(nil, tuple, nil)
		if err != nil {
			return err
		}
		r, err := b.row(t, key)
		if err != nil {
			return err
		}
		if r.gone || !r.partial() {
			continue
		}
		if err := b.fill(r, bd, tuple, func(u *unknown) bool { return u.since <= rr.Started || b.s.omit.since }); err != nil {
			return err
		}
		if !b.s.omit.fresh {
			t.reread(r.key)
		}
	}
	return nil
}
