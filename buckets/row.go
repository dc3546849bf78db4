package buckets

import (
	"github.com/weirsync/weir/storage"
)

// row is a row in the overlay of a batch: how it stands in the file, and what it has become.
type row struct {
	t         *table
	full      []byte // key in the file
	key       []byte // the same without the table
	stored    storage.Row
	exists    bool // stored is in the file
	seq       int  // of the newest change; 0: unchanged
	flags     storage.RowFlags
	gen       Generation
	gone      bool // no row any more
	bd        *binding
	tuple     Tuple      // nil if it must be looked up: loadTuple
	unknown   []unknown  // columns of a partial row; their place in tuple holds Unchanged
	ev        evaluation // made by flush, or by who prepared the chunk
	evaluated int        // the seq that ev is of
}

// unknown is a column whose value the store does not have (architecture 5.5).
type unknown struct {
	col   int      // or existence
	moved bool     // a chunk may be older than the value: only a re-read may fill it
	since Position // end of the transaction that left it unknown
}

// row returns the overlay row of a key, reading its state from the file the first time. key is copied.
func (b *batch) row(t *table, key []byte) (*row, error) {
	return b.rowAt(t, storage.RowKey(make([]byte, 0, 4+len(key)), t.ID, key))
}

// rowAt is row for a key as it stands in the file, which belongs to the batch from here on.
func (b *batch) rowAt(t *table, full []byte) (*row, error) {
	if r := b.rows[string(full)]; r != nil {
		return r, nil
	}
	stored, ok, err := b.tx.Row(full)
	if err != nil {
		return nil, err
	}
	if t.dying() { // what dead definitions had is reclaimed behind the row, without ops
		if _, err := b.forget(&stored); err != nil {
			return nil, err
		}
	}
	r := b.newRow()
	*r = row{t: t, full: full, key: full[4:], stored: stored, exists: ok, flags: stored.Flags, gen: stored.Generation}
	r.gone = !ok || stored.Flags&storage.Tombstone != 0
	if b.s.omit.generation {
		r.gen = t.Generation
	}
	b.rows[string(full)] = r
	return r, nil
}

// newRow returns memory for a row: a batch has tens of thousands of them.
func (b *batch) newRow() *row {
	if len(b.slab) == 0 {
		b.slab = make([]row, 256)
	}
	r := &b.slab[0]
	b.slab = b.slab[1:]
	return r
}

// current reports whether the row's state is of the table's current generation. An older one counts as absent but for the ops that
// are compared with it (I8, I12).
func (r *row) current() bool { return (r.exists || r.seq > 0) && r.gen == r.t.Generation }

// touched reports whether the stream has changed the row in the unfinished generation.
func (r *row) touched() bool {
	return r.current() && r.t.unfinished() && r.flags&storage.Touched != 0
}

// unverified reports whether values of the row may not travel to another key (I8).
func (r *row) unverified() bool {
	return r.flags&storage.Unverified != 0 && r.t.doubts(r.key)
}

// partial reports whether the row has unknown values. What an older generation left partial does not count any more.
func (r *row) partial() bool { return r.current() && r.holed() }

// holed reports whether the row's tuple lacks values, whatever its generation: such a tuple is never evaluated.
func (r *row) holed() bool { return r.flags&storage.Partial != 0 }

// set makes tuple the row's state. flags are Touched or Unverified, as far as they mean something.
func (b *batch) set(r *row, bd *binding, tuple Tuple, lost []unknown, flags storage.RowFlags) {
	was := r.partial()
	b.touch(r)
	r.gone, r.bd, r.tuple, r.unknown = false, bd, tuple, lost
	r.flags = flags
	if len(lost) > 0 {
		r.flags |= storage.Partial
	}
	b.countPartial(r.t, was, r.partial())
}

// remove makes the row gone.
func (b *batch) remove(r *row) {
	was := r.partial()
	b.touch(r)
	r.gone, r.tuple, r.unknown, r.bd = true, nil, nil, nil
	r.flags = storage.Tombstone | storage.Touched
	b.countPartial(r.t, was, false)
}

func (b *batch) touch(r *row) {
	if r.seq == 0 {
		b.changed = append(b.changed, r)
	}
	b.seq++
	r.seq, r.gen = b.seq, r.t.Generation
}

// countPartial keeps the table's number of partial rows. The first one of a finished table makes it unfinished again: the gate
// closes until the row is repaired and another fence passed (architecture 5.8).
func (b *batch) countPartial(t *table, was, is bool) {
	if was == is {
		return
	}
	b.change(t, func() {
		if is {
			t.Partials++
		} else {
			t.Partials--
		}
		if is && t.Phase == Done {
			t.Phase, t.sweep = Repairing, false
			b.look = true
		}
	})
}

// load gives the row its tuple and unknown columns as far as the file has them: all of a partial row, the kept images of another.
// A column that was not kept stays unknown; if the stream brought it in this generation, a chunk that was read before must not
// fill it, just as if the key had moved (TestModel finds the stale value otherwise). The row must be current and not gone.
func (b *batch) load(r *row, bd *binding, since Position) error {
	if r.tuple != nil {
		return nil
	}
	r.bd, r.tuple = bd, make(Tuple, len(bd.rel.Columns))
	if r.partial() {
		return b.loadMark(r)
	}
	for i := range r.tuple {
		r.tuple[i] = unchanged
		r.unknown = append(r.unknown, unknown{col: i, moved: r.touched(), since: since})
	}
	if r.stored.Flags&storage.HasImage == 0 {
		return nil
	}
	images, err := b.tx.Images(r.full)
	if err != nil {
		return err
	}
	for _, im := range images {
		if i, ok := bd.attnum[im.Attnum]; ok {
			r.tuple[i] = im.Text
			r.known(i)
		}
	}
	return nil
}

func (b *batch) loadMark(r *row) error {
	m, ok, err := b.tx.Mark(r.full)
	if err != nil {
		return err
	}
	if !ok {
		return &storage.CorruptionError{Section: "rows", Key: r.full, Reason: "a partial row has no mark"}
	}
	for _, c := range m.Columns {
		i, ok := r.bd.attnum[c.Attnum]
		switch {
		case c.Attnum == existenceAttnum:
			r.unknown = append(r.unknown, unknown{col: existence, since: c.Since})
		case !ok:
		case c.Unknown:
			r.tuple[i] = unchanged
			r.unknown = append(r.unknown, unknown{col: i, moved: c.Moved, since: c.Since})
		case !c.Null:
			r.tuple[i] = c.Text
		}
	}
	return nil
}

// lost returns the entry of a column that is unknown, or nil.
func (r *row) lost(col int) *unknown {
	for i := range r.unknown {
		if r.unknown[i].col == col {
			return &r.unknown[i]
		}
	}
	return nil
}

// known takes a column out of the unknown ones.
func (r *row) known(col int) {
	for i := range r.unknown {
		if r.unknown[i].col == col {
			r.unknown = append(r.unknown[:i], r.unknown[i+1:]...)
			return
		}
	}
}
