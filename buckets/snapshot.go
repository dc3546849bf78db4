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
	Progress   []byte  // stored in one bbolt update with the last of the rows (I6)
	Last       bool    // no chunk follows: the table goes on to Repairing

	prepared *prepared
}

// Prepare does what can be done of SaveChunk's work beside the writer, and before the chunk's turn has come: Progress and Last may still be
// missing. The rest of the chunk stays as it is afterwards. SaveChunk does without, too.
func (s *Store) Prepare(c *Chunk) { c.prepared = s.prepare(c) }

// SaveChunk stores a chunk under the rule that the stream wins (I8) and returns when it is durable. While clients of an active version
// are served it is stored in portions (portion.go).
func (s *Store) SaveChunk(ctx context.Context, c *Chunk) error {
	if c.prepared == nil {
		s.Prepare(c)
	}
	p, rows := c.prepared, s.portionRows(c)
	for done := 0; ; done += rows {
		part := portion{c, p, p.rows[done:min(done+rows, len(p.rows))], done+rows >= len(p.rows)}
		j := &job{kind: jobChunk, bytes: part.bytes(), control: func(b *batch) error { return b.chunk(part) }}
		err := s.queue.run(ctx, j)
		if part.last || err != nil {
			if j.ended() {
				p.release()
			}
			return err
		}
	}
}

func (b *batch) chunk(p portion) error {
	c := p.chunk
	t, err := b.table(c.Table, c.Generation)
	if err != nil {
		return err
	}
	if t.Phase != Chunking {
		return ErrStaleGeneration
	}
	if err := b.chunkRows(t, p); err != nil || !p.last {
		return err
	}
	b.flusher.errors += p.prepared.errors()
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

func (b *batch) chunkRows(t *table, p portion) error {
	bd := t.bind(p.chunk.Relation)
	if p.prepared.packed != nil && p.prepared.bd == bd && len(p.rows) == len(p.prepared.rows) {
		var err error
		if p.rows, err = b.putPacked(t, bd, p.prepared); err != nil {
			return err
		}
	}
	for i := range p.rows {
		r := &p.rows[i]
		if p.prepared.bd != bd { // no longer, or never was
			full, err := bd.rowKey(storage.RowKey(nil, t.ID, nil), r.tuple, nil)
			if err != nil {
				return err
			}
			r = &preparedRow{full: full, tuple: r.tuple}
		}
		if err := b.chunkRow(t, bd, r); err != nil {
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
