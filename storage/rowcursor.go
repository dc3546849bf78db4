package storage

import (
	"bytes"
	"cmp"
	"container/heap"
	"fmt"
	"slices"
)

// rowCursor stands at a row of section recent or rows, or of a run. key is nil behind the last one.
type rowCursor struct {
	section    *section
	cursor     cursor
	prefix     []byte
	run        bool
	at         []byte   // a run: key of the block
	block      decoder  // a run: the rest of the block
	passed     [][]byte // a run: keys of the blocks that were read to their ends
	rank       int      // among the cursors of walkRows
	key, state []byte   // without the table; they belong to the transaction
}

type cursor interface {
	Seek(seek []byte) (key, value []byte)
	Next() (key, value []byte)
}

// rowCursor stands at the first row of section recent or rows with a key >= from.
func (tx *Tx) rowCursor(section string, table TableID, from []byte) (*rowCursor, error) {
	s := tx.section(section)
	c := &rowCursor{section: s, cursor: s.Cursor(), prefix: appendU32(nil, uint32(table))}
	return c, c.take(c.cursor.Seek(append(c.prefix[:4:4], from...)))
}

// runCursor stands at the first row of a run with a key >= from.
func (tx *Tx) runCursor(table TableID, n uint32, from []byte) (*rowCursor, error) {
	s := tx.section(secRuns)
	c := &rowCursor{section: s, cursor: s.Cursor(), prefix: runPrefix(table, n), run: true}
	if err := c.take(c.cursor.Seek(append(c.prefix[:8:8], from...))); err != nil {
		return nil, err
	}
	for c.key != nil && bytes.Compare(c.key, from) < 0 {
		if err := c.next(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// next goes to the next row.
func (c *rowCursor) next() error {
	if c.run && len(c.block.b) > 0 {
		return c.decode()
	}
	if c.run {
		c.passed = append(c.passed, c.at)
	}
	return c.take(c.cursor.Next())
}

// take goes to the first row of what the file has at k.
func (c *rowCursor) take(k, v []byte) error {
	if !bytes.HasPrefix(k, c.prefix) {
		c.at, c.key, c.state = nil, nil, nil
		return nil
	}
	if !c.run {
		c.key, c.state = k[len(c.prefix):], v
		return nil
	}
	c.at, c.block = k, decoder{b: v}
	return c.decode()
}

func (c *rowCursor) decode() error {
	c.key, c.state = c.block.bytes(), c.block.bytes()
	if c.block.fail || len(c.key) == 0 || c.blockEnds() != bytes.Equal(c.at[len(c.prefix):], c.key) {
		return corrupt(secRuns, c.at, "bad block")
	}
	return nil
}

// blockEnds reports whether the cursor stands at the last row of a block.
func (c *rowCursor) blockEnds() bool { return len(c.block.b) == 0 }

// walkRows visits the rows of cursors in key order until visit returns false. Of those with the same key the first cursor's counts.
func walkRows(cursors []*rowCursor, visit func(*rowCursor) (bool, error)) error {
	var h rowHeap
	for i, c := range cursors {
		if c.rank = i; c.key != nil {
			h = append(h, c)
		}
	}
	heap.Init(&h)
	for len(h) > 0 {
		if more, err := visit(h[0]); err != nil || !more {
			return err
		}
		for key := h[0].key; len(h) > 0 && bytes.Equal(h[0].key, key); {
			if err := h[0].next(); err != nil {
				return err
			}
			if h[0].key == nil {
				heap.Pop(&h)
			} else {
				heap.Fix(&h, 0)
			}
		}
	}
	return nil
}

// rowHeap has the cursor on top whose row comes first, of several rows with one key the one that counts: a merge has a hundred cursors.
type rowHeap []*rowCursor

func (h rowHeap) Len() int      { return len(h) }
func (h rowHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *rowHeap) Push(c any)   { *h = append(*h, c.(*rowCursor)) }

func (h rowHeap) Less(i, j int) bool {
	return cmp.Or(bytes.Compare(h[i].key, h[j].key), cmp.Compare(h[i].rank, h[j].rank)) < 0
}

func (h *rowHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// allRows returns cursors over a table's rows with a key >= from, the newest first.
func (tx *Tx) allRows(table TableID, from []byte) ([]*rowCursor, error) {
	r, err := tx.runsOf(table)
	if err != nil {
		return nil, err
	}
	recent, err := tx.rowCursor(secRecent, table, from)
	if err != nil {
		return nil, err
	}
	inRuns, err := tx.runCursors(table, r, r.next, from)
	if err != nil {
		return nil, err
	}
	base, err := tx.rowCursor(secRows, table, from)
	return slices.Concat([]*rowCursor{recent}, inRuns, []*rowCursor{base}), err
}

// runCursors returns cursors over what is not merged of the runs below next, the newest first.
func (tx *Tx) runCursors(table TableID, r *runs, next uint32, from []byte) (cursors []*rowCursor, err error) {
	for n := next - 1; n >= r.first; n-- {
		start := from
		if r.covered(n, from) {
			start = append(r.merged[:len(r.merged):len(r.merged)], 0) // the next key there can be
		}
		c, err := tx.runCursor(table, n, start)
		if err != nil {
			return nil, fmt.Errorf("run %d of table %d: %w", n, table, err)
		}
		cursors = append(cursors, c)
	}
	return cursors, nil
}
