package buckets

import (
	"bytes"
	"reflect"
	"slices"

	"github.com/weirsync/weir/storage"
)

// Where whole rows are kept (RowImagesAll), a new tracked table is built from another one of its relation, and the source is not read.
// That other one, the donor, is complete: its rows are the source's where the stream is. So nothing that is copied is ahead of the stream
// or doubtful: no Barrier and no fence are needed, and a row that the stream has touched in the new table is newer than, or the same as,
// what the donor has (I8). One more rule is needed: an update that leaves values out may meet a row that is not copied yet, so such a
// row is copied first (adopt).
//
// A copy goes on in chores and is in the file (storage.Copy), so a crash costs nothing. If the donor ends or begins anew, the
// table is read from the source.

// copyBytes bounds the values that one step of a copy takes on.
const copyBytes = 4 << 20

// keepsAll reports whether images are whole rows.
func (s *Store) keepsAll() bool { return s.opts.RowImages == RowImagesAll }

// donates reports whether another table of rel can be built from t.
func (t *table) donates(rel *Relation) bool {
	keyed := slices.ContainsFunc(rel.Columns, func(c Column) bool { return c.Key }) // else no images are kept
	return t.whole && t.streamed() && t.copy == nil && keyed && reflect.DeepEqual(t.Relation, rel)
}

// Holds reports whether a definition that is deployed now would get the rows of a table from the store: they are kept whole.
func (s *Store) Holds(source, schema, name string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, t := range s.catalog.tables {
		if t.Source == source && t.Relation.Schema == schema && t.Relation.Name == name && t.complete() && t.donates(t.Relation) {
			return true
		}
	}
	return false
}

// complete reports whether the rows of t are the source's where the stream is.
func (t *table) complete() bool { return t.Phase == Done && t.Partials == 0 }

// beginCopy begins the first generation of t from the store, if there is a complete table of its relation.
func (b *batch) beginCopy(t *table) error {
	for _, from := range b.s.catalog.byRelation[relationID{t.Source, t.Relation.OID}] {
		if from == t || !from.complete() || !from.donates(t.Relation) {
			continue
		}
		if err := b.begin(t.ID, t.Relation); err != nil {
			return err
		}
		b.change(t, func() {
			t.copy, t.Copying = &storage.Copy{From: from.ID, Generation: from.Generation}, true
			t.proven()
		})
		return nil
	}
	return nil
}

// donor returns the table that t is copied from, or nil if that can't be any more.
func (c *catalog) donor(t *table) *table {
	from := c.tables[t.copy.From]
	if from == nil || from.Generation != t.copy.Generation || !from.donates(t.Relation) {
		return nil
	}
	return from
}

// copying returns a table with a copy to go on with, or nil. A donor that is being repaired is waited for.
func (c *catalog) copying() *table {
	for _, t := range c.tables {
		if t.copy == nil || !t.wanted() {
			continue
		}
		if from := c.donor(t); from == nil || from.complete() {
			return t
		}
	}
	return nil
}

// copyStep goes on with a copy.
func (b *batch) copyStep() error {
	t := b.s.catalog.copying()
	from := b.s.catalog.donor(t)
	if from == nil {
		return b.begin(t.ID, t.Relation)
	}
	b.s.step(StepCopy)
	keys, next, err := b.copyKeys(from, t.copy.Next)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if ok, err := b.copyRow(t, from, t.bind(t.Relation), key); err != nil || !ok {
			return err
		}
	}
	b.change(t, func() {
		t.Rows += int64(len(keys))
		t.copy.Next = next
		if next == nil {
			t.endCopy()
		}
	})
	return nil
}

// endCopy leaves only a sweep to do, of tombstones.
func (t *table) endCopy() {
	t.copy, t.Copying = nil, false
	t.Phase, t.sweep, t.cursor = Repairing, true, nil
}

// copyKeys lists the keys of the donor's next rows, and where to go on after them; nil: they are the last.
func (b *batch) copyKeys(from *table, start []byte) (keys [][]byte, next []byte, err error) {
	size := 0
	err = b.tx.Rows(from.ID, start, func(key []byte, _ storage.Row) (bool, error) {
		if len(keys) == b.s.opts.copyRows || size > copyBytes {
			next = bytes.Clone(key)
			return false, nil
		}
		keys = append(keys, bytes.Clone(key))
		size += b.tx.ImageSize(storage.RowKey(nil, from.ID, key))
		return true, nil
	})
	return keys, next, err
}

// copyRow gives t the donor's row of a key, unless it has one in its generation already. If the donor can't give it, t begins
// anew, from the source, and ok is false.
func (b *batch) copyRow(t, from *table, bd *binding, key []byte) (ok bool, err error) {
	r, err := b.row(t, key)
	if err != nil || r.current() {
		return true, err
	}
	old, err := b.row(from, key)
	if err != nil || old.gone {
		return true, err
	}
	tuple, err := b.wholeRow(old, bd)
	if err != nil {
		return false, err
	}
	if tuple == nil {
		return false, b.begin(t.ID, t.Relation)
	}
	b.set(r, bd, tuple, nil, 0)
	return true, nil
}

// wholeRow returns all values of a donor's row in the columns of bd, or nil if they are not known, or may be ahead of the stream.
func (b *batch) wholeRow(r *row, bd *binding) (Tuple, error) {
	switch {
	case !r.current(), r.partial(), r.t.doubts(r.key):
		return nil, nil
	case r.seq > 0:
		return r.tuple, nil
	case r.stored.Flags&storage.HasImage == 0:
		return nil, nil
	}
	images, err := b.tx.Images(r.full)
	if err != nil {
		return nil, err
	}
	tuple := make(Tuple, len(bd.rel.Columns))
	for _, im := range images {
		i, ok := bd.attnum[im.Attnum]
		if !ok {
			return nil, nil
		}
		tuple[i] = im.Text
	}
	return tuple, nil
}

// adopt copies the row that an update starts from, before the update is applied to any table.
func (b *batch) adopt(t *table, c *Change) error {
	if t.copy == nil || c.Op != Update || c.OldFull {
		return nil
	}
	from, bd := b.s.catalog.donor(t), t.bind(c.Relation)
	if from == nil {
		return nil
	}
	key, err := bd.rowKey(nil, c.Old, c.New)
	if err == nil {
		_, err = b.copyRow(t, from, bd, key)
	}
	return err
}
