package buckets

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/weirsync/weir/storage"
)

// prepared is a chunk whose rows were sorted and evaluated by who reads it, beside the writer; those of a first snapshot are packed, too
// (pack.go). It holds while its binding is the table's; else the writer evaluates the rows itself.
type prepared struct {
	bd   *binding      // nil: nothing but tuples is prepared, the writer tells what is wrong with the chunk
	rows []preparedRow // in key order, so that the writer's lookups and puts walk the file
	sc   *scratch      // nil if bd is

	packed *packed // nil if the writer makes the blocks
}

type preparedRow struct {
	full      []byte // key in the file
	tuple     Tuple
	ev        evaluation
	evaluated bool
}

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

// prepare evaluates the rows of a chunk, unless that must be left to the writer.
func (s *Store) prepare(c *Chunk) *prepared {
	p := unprepared(c)
	s.mu.RLock()
	var bd *binding
	t, first := s.catalog.tables[c.Table], false
	if t != nil {
		bd, first = t.bind(c.Relation), t.Generation == 1 // later most rows are known
	}
	s.mu.RUnlock()
	if bd == nil || !p.keys(bd, c.Table) {
		return p
	}
	p.bd, p.sc = bd, scratchPool.Get().(*scratch)
	p.sort()
	p.sc.grow(len(p.rows), c.Bytes)
	for i := range p.rows {
		r := &p.rows[i]
		r.ev, r.evaluated = bd.evaluate(r.tuple, p.sc), true
	}
	if first && !bd.bag && s.portionRows(c) >= len(p.rows) {
		p.pack(t)
	}
	return p
}

func unprepared(c *Chunk) *prepared {
	p := &prepared{rows: make([]preparedRow, len(c.Rows))}
	for i, tuple := range c.Rows {
		p.rows[i].tuple = tuple
	}
	return p
}

// keys makes the rows' keys, and tells whether all have one.
func (p *prepared) keys(bd *binding, id TableID) bool {
	keys := make([]byte, 0, 32*len(p.rows))
	for i := range p.rows {
		start := len(keys)
		var err error
		if keys, err = bd.rowKey(storage.RowKey(keys, id, nil), p.rows[i].tuple, nil); err != nil {
			return false
		}
		p.rows[i].full = keys[start:len(keys):len(keys)]
	}
	return true
}

// sort puts the rows into the order of their keys. Most differ in the first bytes: comparing those as a number takes half of the time.
func (p *prepared) sort() {
	type place struct {
		start uint64 // of the key
		row   int
	}
	order := make([]place, len(p.rows))
	for i := range p.rows {
		var start [8]byte
		copy(start[:], p.rows[i].full[4:])
		order[i] = place{binary.BigEndian.Uint64(start[:]), i}
	}
	slices.SortFunc(order, func(x, y place) int {
		if x.start != y.start {
			return cmp.Compare(x.start, y.start)
		}
		return bytes.Compare(p.rows[x.row].full, p.rows[y.row].full)
	})
	rows := make([]preparedRow, len(p.rows))
	for i := range order {
		rows[i] = p.rows[order[i].row]
	}
	p.rows = rows
}

// errors counts what could not be evaluated.
func (p *prepared) errors() int {
	if p.sc == nil {
		return 0
	}
	return p.sc.errors
}

// release lets go of the evaluations. No job may use them any more.
func (p *prepared) release() {
	if p.sc != nil {
		p.sc.reset()
		scratchPool.Put(p.sc)
	}
}
