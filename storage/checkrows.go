package storage

import (
	"encoding/binary"
)

// rows reads every row state with its image and mark.
func (c *checker) rows() error {
	c.paramRow = map[paramID]int{}
	partials := map[TableID]int{}
	marked, imaged := 0, 0
	for id, t := range c.tables {
		if err := c.tx.Rows(id, nil, func(key []byte, r Row) (bool, error) {
			c.Rows++
			c.row(id, key, &r)
			full := RowKey(nil, id, key)
			m, ok, err := c.tx.Mark(full)
			if err != nil {
				return false, err
			}
			if want := r.Flags&(Tombstone|Partial) != 0; ok != want || ok && (len(m.Columns) > 0) != (r.Flags&Partial != 0) {
				c.fault("row %x: its mark does not fit its flags %b", full, r.Flags)
			}
			if ok {
				marked++
			}
			if r.Flags&Partial != 0 && r.Generation == t.Generation {
				partials[id]++
			}
			images, err := c.tx.Images(full)
			if (images != nil) != (r.Flags&HasImage != 0) {
				c.fault("row %x: its image does not fit its flags %b", full, r.Flags)
			}
			if images != nil {
				imaged++
			}
			return true, err
		}); err != nil {
			return err
		}
		if partials[id] != t.Partials && !c.unwanted(&t) {
			c.fault("tracked table %d has %d partial rows, its state says %d", id, partials[id], t.Partials)
		}
	}
	c.count(secMarks, marked)
	c.count(secImages, imaged)
	return c.runs()
}

// runs counts what stands in the sections of row states.
func (c *checker) runs() error {
	recent, stored, blocks := 0, 0, 0
	for id := range c.tables {
		r, err := c.tx.runsOf(id)
		if err != nil {
			return err
		}
		base := count(c.tx.section(secRows), id)
		if uint64(base) != r.base {
			c.fault("table %d has %d rows in section rows, its record says %d", id, base, r.base)
		}
		recent, stored = recent+count(c.tx.section(secRecent), id), stored+base
		if r.count() > 0 || r.base > 0 {
			blocks++ // the record
		}
		for n := r.first; n < r.next; n++ {
			cur, err := c.tx.runCursor(id, n, nil)
			for ; err == nil && cur.key != nil; err = cur.next() {
				if cur.blockEnds() {
					blocks++
				}
			}
			if err != nil {
				return err
			}
		}
	}
	c.count(secRecent, recent)
	c.count(secRows, stored)
	c.count(secRuns, blocks)
	return nil
}

func count(s *section, table TableID) (n int) {
	_ = scan(s, table, func(_, _ []byte) (bool, error) { n++; return true, nil })
	return n
}

func (c *checker) count(section string, want int) {
	if got := keys(c.tx.section(section)); got != want {
		c.fault("section %s has %d entries, %d belong to a row or table", section, got, want)
	}
}

func keys(b *section) int {
	n := 0
	_ = b.ForEach(func(_, _ []byte) error { n++; return nil })
	return n
}

func (c *checker) row(table TableID, key []byte, r *Row) {
	for _, p := range r.Placements {
		b := c.buckets[p.Bucket]
		typ, ok := c.strings[p.Type]
		if b == nil || !ok {
			c.fault("row %x of table %d is placed in bucket %d as string %d, one of which does not exist", key, table, p.Bucket, p.Type)
			continue
		}
		b.placed += placeHash(typ, p.ObjectID, binary.LittleEndian.Uint32(p.Digest[:4]))
	}
	for _, p := range r.Params {
		if c.exists(p.Definition, "row %x of table %d", key, table) {
			c.paramRow[paramID{p.Definition, string(p.Lookup), p.Digest}]++
		}
	}
}
