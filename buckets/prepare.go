package buckets

import (
	"bytes"
	"slices"
	"sync"

	"github.com/weirsync/weir/storage"
)

// prepared is a chunk whose rows were sorted and evaluated by who reads it, beside the writer: that takes a quarter of the writer's
// work for a chunk off it. It holds while its binding is the table's; else the writer evaluates the rows itself.
type prepared struct {
	bd   *binding
	rows []preparedRow // in key order, so that the writer's lookups and puts walk the file
	sc   *scratch
}

type preparedRow struct {
	full      []byte // key in the file
	tuple     Tuple
	ev        evaluation
	evaluated bool
}

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

// prepare evaluates the rows of a chunk. It returns nil if that must be left to the writer, who also tells what is wrong with a chunk.
func (s *Store) prepare(c *Chunk) *prepared {
	s.mu.RLock()
	var bd *binding
	if t := s.catalog.tables[c.Table]; t != nil {
		bd = t.bind(c.Relation)
	}
	s.mu.RUnlock()
	if bd == nil {
		return nil
	}
	p := &prepared{bd: bd, rows: make([]preparedRow, len(c.Rows)), sc: scratchPool.Get().(*scratch)}
	keys := make([]byte, 0, 32*len(c.Rows))
	for i, tuple := range c.Rows {
		start := len(keys)
		var err error
		if keys, err = bd.rowKey(storage.RowKey(keys, c.Table, nil), tuple, nil); err != nil {
			p.release()
			return nil
		}
		p.rows[i] = preparedRow{full: keys[start:len(keys):len(keys)], tuple: tuple}
	}
	slices.SortFunc(p.rows, func(x, y preparedRow) int { return bytes.Compare(x.full, y.full) })
	for i := range p.rows {
		r := &p.rows[i]
		r.ev, r.evaluated = bd.evaluate(r.tuple, p.sc), true
	}
	return p
}

// release lets go of the evaluations. No job may use them any more.
func (p *prepared) release() {
	p.sc.reset()
	scratchPool.Put(p.sc)
}
