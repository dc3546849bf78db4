package buckets

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/weirsync/weir/storage"
)

// stringID returns the id of an output table's name.
func (b *batch) stringID(name string) (uint32, error) {
	c := &b.s.catalog
	if id, ok := c.strings[name]; ok {
		return id, nil
	}
	id := b.counters.String
	b.counters.String++
	b.s.update(func() { c.strings[name], c.stringByID[id] = id, name })
	return id, b.tx.PutString(id, name)
}

// writeAll puts what the flush collected, section by section, each in key order: bbolt takes sorted puts many times faster.
func (b *batch) writeAll() error {
	if err := b.writeBuckets(); err != nil {
		return err
	}
	if err := b.writeRows(); err != nil {
		return err
	}
	params := b.flusher.params
	slices.SortFunc(params, func(x, y storage.Param) int {
		return cmp.Or(cmp.Compare(x.Definition, y.Definition), bytes.Compare(x.Lookup, y.Lookup), cmp.Compare(x.ID, y.ID))
	})
	for i := range params {
		if err := b.tx.PutParam(&params[i]); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) writeBuckets() error {
	for _, ob := range b.s.known.open {
		b.keepFresh(ob)
		b.close(ob)
	}
	if err := b.flusher.encoders.Wait(); err != nil {
		return err
	}
	b.fillLoad()
	changed := make([]*openBucket, 0, len(b.s.known.open))
	for _, ob := range b.s.known.open {
		if ob.dirty { // not only looked at; a fresh one is always dirty
			changed = append(changed, ob)
		}
	}
	slices.SortFunc(changed, func(x, y *openBucket) int { return cmp.Compare(x.id, y.id) })
	b.news.many(len(changed))
	for _, ob := range changed {
		for _, bl := range ob.blocks {
			if err := b.putBlock(ob.id, bl); err != nil {
				return err
			}
		}
		if err := b.create(ob); err != nil {
			return err
		}
		if !b.news.all {
			b.news.bucket(ob.def.prefix + ob.state.Name)
		}
		if b.s.due(&ob.state) {
			b.due = append(b.due, ob.id)
		}
	}
	if b.loaded {
		b.countLoads()
		b.s.catalog.lastLoad = time.Now()
	}
	b.s.known.close()
	return nil
}

func (b *batch) create(ob *openBucket) error {
	if ob.fresh {
		if err := b.tx.PutName(ob.state.Definition, []byte(ob.state.Name), ob.id); err != nil {
			return err
		}
	}
	return b.tx.PutBucket(ob.id, &ob.state)
}

func (b *batch) writeRows() error {
	rows := b.flusher.rows
	slices.SortFunc(rows, func(x, y rowPut) int { return bytes.Compare(x.row.full, y.row.full) })
	for len(rows) > 0 {
		t, n := rows[0].row.t, 1
		for n < len(rows) && rows[n].row.t == t {
			n++
		}
		if err := b.writeTable(t, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (b *batch) writeImages(p *rowPut) error {
	r := p.row
	if p.encoded == nil {
		return nil
	}
	if images := b.images(r); images != nil && !r.holed() {
		return b.tx.PutImages(r.full, storage.AppendImages(nil, images))
	}
	if r.stored.Flags&storage.HasImage != 0 {
		return b.tx.PutImages(r.full, nil)
	}
	return nil
}

func (b *batch) writeMark(p *rowPut) error {
	r := p.row
	switch {
	case p.encoded == nil:
		return nil
	case r.holed():
		return b.tx.PutMark(r.full, r.mark())
	case r.gone:
		return b.tx.PutMark(r.full, &storage.Mark{})
	case r.stored.Flags&(storage.Tombstone|storage.Partial) != 0:
		return b.tx.PutMark(r.full, nil)
	}
	return nil
}

// mark is the tuple of a partial row.
func (r *row) mark() *storage.Mark {
	m := &storage.Mark{Columns: make([]storage.MarkedColumn, len(r.tuple))}
	for i, v := range r.tuple {
		c := &m.Columns[i]
		c.Attnum = r.bd.rel.Columns[i].Attnum
		if u := r.lost(i); u != nil {
			c.Unknown, c.Moved, c.Since = true, u.moved, u.since
			continue
		}
		c.Null, c.Text = v == nil, v
	}
	if u := r.lost(existence); u != nil {
		m.Columns = append(m.Columns, storage.MarkedColumn{Attnum: existenceAttnum, Unknown: true, Since: u.since})
	}
	return m
}
