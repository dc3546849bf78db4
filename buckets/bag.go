package buckets

import (
	"fmt"
	"slices"

	"github.com/weirsync/weir/storage"
)

// A table without a key is a bag: rows can be equal, and one DELETE takes one of them. The stream does not say how many are left, and
// counting along does not work while chunks come in any order. So equal rows are one row here, flagged Duplicate where the source may
// have more of them, and deleting a flagged one, or one of which not all chunks are known to be in, puts its existence in doubt: it
// becomes partial, and is counted again behind a Barrier like any other value that is missed (architecture 5.6, postgres-facts 11.11).

// existence stands for a column where a row's existence is unknown, existenceAttnum for its attribute number.
const (
	existence       = -1
	existenceAttnum = 0
)

// exact reports whether the store knows how the row stood where the stream is: that it was there once, or not at all.
func (r *row) exact() bool {
	return !r.t.doubts(r.key) && !r.partial() && r.flags&storage.Duplicate == 0
}

func (b *batch) bagRow(t *table, bd *binding, tuple Tuple) (*row, error) {
	key, err := bd.bagKey(nil, tuple)
	if err != nil {
		return nil, err
	}
	return b.row(t, key)
}

// bagChange applies a streamed change. The identity is FULL, or Postgres lets nothing but inserts through.
func (b *batch) bagChange(t *table, bd *binding, c *Change, end Position) error {
	tuple := c.New
	var old *row
	if c.Op != Insert {
		if !c.OldFull {
			return fmt.Errorf("table %s.%s: %w", bd.rel.Schema, bd.rel.Name, errNoKey)
		}
		var err error
		if old, err = b.bagRow(t, bd, c.Old); err != nil {
			return err
		}
	}
	if c.Op == Delete {
		b.take(old, bd, c.Old, end)
		return nil
	}
	if slices.ContainsFunc(tuple, IsUnchanged) && old != nil {
		tuple = slices.Clone(tuple)
		for i, v := range tuple {
			if IsUnchanged(v) {
				tuple[i] = c.Old[i]
			}
		}
	}
	r, err := b.bagRow(t, bd, tuple)
	if err != nil {
		return err
	}
	switch {
	case r != old:
		if old != nil {
			b.take(old, bd, c.Old, end)
		}
		b.give(r, bd, tuple)
	case !r.exact(): // nothing changed, but the row may have moved to where a chunk was read before
		b.give(r, bd, tuple)
	}
	return nil
}

// give adds a row. It is there then, whatever was known of it.
func (b *batch) give(r *row, bd *binding, tuple Tuple) {
	flags := storage.Touched
	if live := r.current() && !r.gone; live || r.t.doubts(r.key) {
		flags |= storage.Duplicate
	}
	b.set(r, bd, tuple, nil, flags)
}

// take removes a row, if it is known to be the only one.
func (b *batch) take(r *row, bd *binding, tuple Tuple, end Position) {
	if r.exact() || b.s.omit.duplicates {
		b.remove(r)
		return
	}
	b.set(r, bd, tuple, []unknown{{col: existence, since: end}}, storage.Touched)
}

// bagChunkRow takes a row that a chunk read, where an equal one is known in this generation. No row has gone before the chunk phase is over:
// those that might have are in doubt.
func (b *batch) bagChunkRow(r *row, bd *binding, tuple Tuple) {
	if !r.gone && !r.partial() && r.flags&storage.Duplicate == 0 {
		b.set(r, bd, tuple, nil, r.flags&(storage.Touched|storage.Unverified)|storage.Duplicate)
	}
}

// recount settles whether rows in doubt exist, by how often a re-read found them.
func (b *batch) recount(t *table, bd *binding, rr *Reread) error {
	found := map[string]int{}
	for _, tuple := range rr.Rows {
		key, err := bd.bagKey(nil, tuple)
		if err != nil {
			return err
		}
		found[string(key)]++
	}
	for _, tuple := range rr.Keys {
		r, err := b.bagRow(t, bd, tuple)
		if err != nil {
			return err
		}
		if !r.partial() {
			continue
		}
		if err := b.load(r, bd, 0); err != nil {
			return err
		}
		if u := r.lost(existence); u == nil || u.since > rr.Started && !b.s.omit.since {
			continue
		}
		b.settleDoubt(r, bd, tuple, found[string(r.key)])
		if !b.s.omit.fresh {
			t.reread(r.key)
		}
	}
	return nil
}

func (b *batch) settleDoubt(r *row, bd *binding, tuple Tuple, count int) {
	switch count {
	case 0:
		b.remove(r)
	case 1:
		b.set(r, bd, tuple, nil, storage.Touched|storage.Unverified)
	default:
		b.set(r, bd, tuple, nil, storage.Touched|storage.Unverified|storage.Duplicate)
	}
}
