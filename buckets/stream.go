package buckets

import (
	"fmt"
	"slices"

	"github.com/weirsync/weir/storage"
)

// rowChange applies one streamed change to a tracked table (architecture 5.5). end is the transaction's end.
func (b *batch) rowChange(t *table, bd *binding, c *Change, end Position) error {
	if bd.bag {
		return b.bagChange(t, bd, c, end)
	}
	switch c.Op {
	case Insert:
		return b.put(t, bd, c, nil, end)
	case Update:
		old, err := b.oldRow(t, bd, c)
		if err != nil {
			return err
		}
		return b.put(t, bd, c, old, end)
	case Delete:
		key, err := bd.rowKey(nil, c.Old, nil)
		if err != nil {
			return err
		}
		r, err := b.row(t, key)
		if err != nil {
			return err
		}
		b.remove(r)
		return nil
	}
	return fmt.Errorf("unknown change %q", c.Op)
}

// oldRow returns the row that an update starts from.
func (b *batch) oldRow(t *table, bd *binding, c *Change) (*row, error) {
	key, err := bd.rowKey(nil, c.Old, c.New)
	if err != nil {
		return nil, err
	}
	return b.row(t, key)
}

// put stores the new row of an insert (old is nil) or an update. Values that Postgres did not send are completed from the old row.
func (b *batch) put(t *table, bd *binding, c *Change, old *row, end Position) error {
	key, err := bd.rowKey(nil, c.New, c.Old)
	if err != nil {
		return err
	}
	tuple, lost, flags := c.New, []unknown(nil), storage.RowFlags(0)
	r, err := b.row(t, key)
	if err != nil {
		return err
	}
	moved := old != nil && old != r
	if slices.ContainsFunc(tuple, IsUnchanged) {
		if tuple, lost, flags, err = b.complete(bd, c, old, moved, end); err != nil {
			return err
		}
	}
	if moved {
		b.remove(old)
	}
	b.set(r, bd, tuple, lost, flags|storage.Touched)
	return nil
}

// complete fills the unchanged-TOAST columns of c.New: from the full old tuple, else from the row under the old key; that one's
// values travel to another key only if they are verified (I8). What can't be filled is returned as unknown.
func (b *batch) complete(bd *binding, c *Change, old *row, moved bool, end Position) (Tuple, []unknown, storage.RowFlags, error) {
	tuple := slices.Clone(c.New)
	usable := old != nil && !old.gone && old.current()
	if usable && !c.OldFull {
		if err := b.load(old, bd, end); err != nil {
			return nil, nil, 0, err
		}
	}
	var lost []unknown
	var flags storage.RowFlags
	for i, v := range tuple {
		if !IsUnchanged(v) {
			continue
		}
		if key := c.Old; c.OldFull || key != nil && bd.rel.Columns[i].Key {
			tuple[i] = c.Old[i]
			continue
		}
		from, was := -1, (*unknown)(nil)
		if usable {
			if j, ok := old.bd.attnum[bd.rel.Columns[i].Attnum]; ok {
				from, was = j, old.lost(j)
			}
		}
		switch {
		case from >= 0 && was == nil && (!moved || !old.unverified() || b.s.omit.unverified):
			tuple[i] = old.tuple[from]
			if old.unverified() {
				flags |= storage.Unverified
			}
		case was != nil && !moved:
			lost = append(lost, unknown{col: i, moved: was.moved, since: was.since})
		default: // nothing usable: unknown since now. An insert with an unchanged value comes from a row that a filter hid
			lost = append(lost, unknown{col: i, moved: moved || old == nil, since: end})
		}
	}
	return tuple, lost, flags, nil
}
