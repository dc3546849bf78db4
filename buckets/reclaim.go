package buckets

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/weirsync/weir/storage"
)

// Reclaim removes what only dead definitions had, step by step: first their memberships in rows, or whole tracked tables, so that
// no row state ever names a bucket that is not there; then their parameter rows and buckets; their record last. Each step leaves a
// consistent file, in which the next one finds where to go on, after a crash too.

// garbage is a search in the list of garbage. It is short, so a crash may begin the search again.
type garbage struct {
	definition *definition
	next       []byte
}

// dying returns the oldest dead definition whose storage is not reclaimed yet, or nil.
func (c *catalog) dying() (oldest *definition) {
	for _, d := range c.definitions {
		if d.rec.Dead && (oldest == nil || d.id < oldest.id) {
			oldest = d
		}
	}
	return oldest
}

// reclaim does one step.
func (b *batch) reclaim() error {
	tables := make([]*table, 0, len(b.s.catalog.tables))
	for _, t := range b.s.catalog.tables {
		tables = append(tables, t)
	}
	slices.SortFunc(tables, func(x, y *table) int { return cmp.Compare(x.ID, y.ID) })
	for _, t := range tables {
		switch {
		case !t.wanted():
			return b.dropTable(t)
		case t.dying():
			return b.stripTable(t)
		}
	}
	return b.dropDefinition(b.s.catalog.dying())
}

// dropTable goes on with removing a table that no definition wants.
func (b *batch) dropTable(t *table) error {
	if more, err := b.tx.DropRows(t.ID, choreKeys); err != nil || more {
		return err
	}
	b.s.update(func() { b.s.catalog.removeTable(t) })
	return b.tx.DropTable(t.ID)
}

func (c *catalog) removeTable(t *table) {
	delete(c.tables, t.ID)
	c.unindex(t)
}

// stripTable goes on with taking dead definitions out of the rows of a table that others want. One that dies meanwhile is the next
// scan's.
func (b *batch) stripTable(t *table) error {
	if t.strip == nil {
		t.strip = &storage.Strip{}
		for _, d := range t.defs {
			if d.rec.Dead {
				t.strip.Definitions = append(t.strip.Definitions, d.id)
			}
		}
	}
	var puts []storage.RowPut
	var next []byte
	seen := 0
	err := b.tx.Rows(t.ID, t.strip.Next, func(key []byte, row storage.Row) (bool, error) {
		if seen++; seen > choreKeys {
			next = bytes.Clone(key)
			return false, nil
		}
		had, err := b.forget(&row)
		if had {
			puts = append(puts, storage.RowPut{Key: storage.RowKey(nil, t.ID, key), State: storage.AppendRow(nil, key, &row)})
		}
		return true, err
	})
	if err != nil {
		return err
	}
	if err := b.putStates(t, puts); err != nil {
		return err
	}
	b.change(t, func() {
		if t.strip.Next = next; next == nil {
			t.release(t.strip.Definitions)
			t.strip = nil
		}
	})
	return nil
}

// release takes definitions that no row names any more off the table.
func (t *table) release(ids []DefinitionID) {
	t.defs = slices.DeleteFunc(slices.Clone(t.defs), func(d *definition) bool { return slices.Contains(ids, d.id) })
	t.Definitions = slices.DeleteFunc(slices.Clone(t.Definitions), func(id DefinitionID) bool { return slices.Contains(ids, id) })
}

// forget takes dead definitions out of a row state, and tells whether there were any.
func (b *batch) forget(r *storage.Row) (had bool, err error) {
	dead := func(id DefinitionID) bool { d := b.s.catalog.definitions[id]; return d == nil || d.rec.Dead }
	was := len(r.Placements) + len(r.Params)
	r.Placements = slices.DeleteFunc(r.Placements, func(p storage.Placement) bool {
		id, failed := b.tx.BucketDefinition(p.Bucket)
		err = cmp.Or(err, failed)
		return dead(id)
	})
	r.Params = slices.DeleteFunc(r.Params, func(p storage.ParamRef) bool { return dead(p.Definition) })
	return len(r.Placements)+len(r.Params) < was, err
}

// dropDefinition goes on with removing a definition that no row names any more.
func (b *batch) dropDefinition(d *definition) error {
	if more, err := b.tx.DropParams(d.id, choreKeys); err != nil || more {
		return err
	}
	b.s.known = b.s.known.empty()
	if more, err := b.tx.DropBuckets(d.id, choreKeys); err != nil || more {
		return err
	}
	g := &b.s.garbage
	if g.definition != d {
		*g = garbage{definition: d}
	}
	var err error
	if g.next, err = b.tx.DropGarbage(d.id, g.next, choreKeys); err != nil || g.next != nil {
		return err
	}
	*g = garbage{}
	b.s.update(func() { delete(b.s.catalog.definitions, d.id) })
	b.s.log.Info("storage of a removed definition is reclaimed", "definition", d.rec.Name, "id", uint64(d.id))
	return b.tx.DropDefinition(d.id)
}
