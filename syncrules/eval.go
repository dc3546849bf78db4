package syncrules

import (
	"encoding/binary"
	"fmt"

	"github.com/weirsync/weir/syncrules/value"
)

// rowFrame is what evaluating one row needs. Columns are decoded when they are first read.
type rowFrame struct {
	*frame
	table   *Table
	row     Row
	decoded []uint64 // turn in which the slot was decoded
	keys    []value.Value
	seen    map[string]struct{} // what the current query has emitted
}

func (t *Table) newFrame() *rowFrame {
	f := &rowFrame{table: t, decoded: make([]uint64, len(t.slots)), seen: map[string]struct{}{}}
	f.frame = newFrame(t.definition.compiled.row, f.decode)
	copy(f.values, t.facts)
	return f
}

func (f *rowFrame) decode(slot int) {
	if f.decoded[slot] == f.turn {
		return
	}
	f.decoded[slot] = f.turn
	if at := f.table.slots[slot]; at >= 0 && at < len(f.row) {
		f.values[slot] = f.table.decoders[at].Decode(f.row[at])
	}
}

// Eval evaluates row and appends to out. A failing query drops the row from that query only and leaves a RowError.
// row is not kept.
func (t *Table) Eval(row Row, out *Result) {
	f := t.frames.Get().(*rowFrame)
	f.row = row
	f.turn++
	for _, q := range t.queries {
		before := out.mark()
		if err := f.query(q, out); err != nil {
			out.rollback(before)
			out.Errors = append(out.Errors, RowError{Definition: t.definition.Name, Query: q.label, Err: err})
		}
	}
	f.row = nil
	for slot, at := range t.slots {
		if at >= 0 {
			f.values[slot] = value.Value{}
		}
	}
	t.frames.Put(f)
}

// emission is the state of one query on one row: its data are the same in all buckets.
type emission struct {
	f    *rowFrame
	q    *boundQuery
	out  *Result
	done bool // id and data are set
	id   []byte
	data []byte

	combinations int // of elements so far
}

// maxCombinations bounds what the arrays of one row can multiply to.
const maxCombinations = 100_000

var errTooManyElements = fmt.Errorf("the arrays of this row have more than %d combinations of elements", maxCombinations)

func (f *rowFrame) query(q *boundQuery, out *Result) error {
	e := emission{f: f, q: q, out: out}
	if q.kind == rowEvent {
		if err := e.encode(); err != nil {
			return err
		}
		out.Events = append(out.Events, EventRow{Event: f.table.definition.Name, Data: e.data})
		return nil
	}
	if !q.unique {
		clear(f.seen)
	}
	for _, v := range q.variants {
		ok, err := f.all(v.filters)
		if err != nil {
			return err
		}
		if !ok && !v.fallible {
			continue
		}
		if err := e.expand(v, 0, ok); err != nil {
			return err
		}
	}
	return nil
}

// expand runs through the combinations of elements. With ok false nothing is emitted, but errors still count.
func (e *emission) expand(v *compiledVariant, step int, ok bool) error {
	if step == len(v.expand) {
		return e.match(v, ok)
	}
	s := v.expand[step]
	input, err := e.f.eval(s.input)
	if err != nil {
		return err
	}
	items, err := s.mode.elements(input)
	if err != nil {
		return err
	}
	for _, item := range items {
		e.f.set(s, item)
		if err := e.expand(v, step+1, ok); err != nil {
			return err
		}
	}
	return nil
}

func (f *frame) set(s *compiledEach, item value.Element) {
	f.values[s.key], f.values[s.value] = item.Key, item.Value
}

// match evaluates the keys and emits the row.
func (e *emission) match(v *compiledVariant, ok bool) error {
	if e.combinations++; e.combinations > maxCombinations {
		return errTooManyElements
	}
	inner, err := e.f.all(v.inner)
	if err != nil {
		return err
	}
	ok = ok && inner
	e.f.keys = e.f.keys[:0]
	for i, scalars := range v.keys {
		key, matches, err := e.key(scalars)
		if err != nil {
			return err
		}
		if !matches && v.rowVariant.keys[i].keepNull {
			key, matches = value.Value{}, true
		}
		ok = ok && matches
		e.f.keys = append(e.f.keys, key)
	}
	switch {
	case !ok:
		return nil
	case e.q.kind == rowLookup:
		return e.lookup(v)
	}
	return e.bucket(v)
}

// key is the value that all scalars have; matches is false if there is none.
func (e *emission) key(scalars []*scalar) (key value.Value, matches bool, err error) {
	for i, s := range scalars {
		v, err := e.f.eval(s)
		if err != nil {
			return v, false, err
		}
		if i == 0 {
			key, matches = v, v.Matchable()
			continue
		}
		if !v.Matchable() || !matches {
			matches = false
			continue
		}
		if matches, err = value.Equal(key, v); err != nil {
			return v, false, err
		}
	}
	return key, matches, nil
}

// appendKeys appends [1,"a"].
func appendKeys(b []byte, keys []value.Value) []byte {
	b = append(b, '[')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = k.AppendKey(b)
	}
	return append(b, ']')
}

// repeated says whether the query has emitted this already.
func (e *emission) repeated(what []byte) bool {
	if e.q.unique {
		return false
	}
	if _, ok := e.f.seen[string(what)]; ok {
		return true
	}
	e.f.seen[string(what)] = struct{}{}
	return false
}

func (e *emission) bucket(v *compiledVariant) error {
	start := len(e.out.arena)
	e.out.arena = appendKeys(append(e.out.arena, v.prefix...), e.f.keys)
	name := e.out.since(start)
	if e.repeated(name) {
		return nil
	}
	if err := e.encode(); err != nil {
		return err
	}
	e.out.Rows = append(e.out.Rows, BucketRow{Bucket: name, Table: e.q.table, ID: e.id, Data: e.data})
	return nil
}

// lookup emits a parameter row. Its key and values are
//
//	+----------------+-----------------+      +--------------------+
//	| lookup uvarint | ["key",1] JSON  |  ->  | ["value",2.0] JSON |
//	+----------------+-----------------+      +--------------------+
//
// Keys write INTEGER and REAL of one value alike, values keep them apart.
func (e *emission) lookup(v *compiledVariant) error {
	start := len(e.out.arena)
	e.out.arena = appendLookup(e.out.arena, v.lookup, e.f.keys)
	split := len(e.out.arena)
	e.out.arena = append(e.out.arena, '[')
	for i, s := range v.outputs {
		if i > 0 {
			e.out.arena = append(e.out.arena, ',')
		}
		output, err := e.f.eval(s)
		if err != nil {
			return err
		}
		e.out.arena = output.AppendJSON(e.out.arena)
	}
	e.out.arena = append(e.out.arena, ']')
	both := e.out.since(start)
	if !e.repeated(both) {
		at := split - start
		e.out.Params = append(e.out.Params, ParameterRow{Lookup: both[:at:at], Values: both[at:]})
	}
	return nil
}

func appendLookup(b []byte, lookup int, keys []value.Value) []byte {
	return appendKeys(binary.AppendUvarint(b, uint64(lookup)), keys)
}

// encode sets the row's id and data, once.
func (e *emission) encode() error {
	if e.done {
		return nil
	}
	e.done = true
	b := append(e.out.arena, '{')
	start := len(b) - 1
	for i := range e.q.output {
		var err error
		if b, err = e.f.appendColumn(b, &e.q.output[i]); err != nil {
			return err
		}
	}
	e.out.arena = append(b, '}')
	e.data = e.out.since(start)
	return e.encodeID()
}

// appendColumn appends "name":value, with a comma if it is not the first. BLOBs are left out.
func (f *rowFrame) appendColumn(b []byte, c *boundColumn) ([]byte, error) {
	before := len(b)
	if b[before-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, c.prefix...)
	if c.column >= 0 {
		decoder := f.table.decoders[c.column]
		switch {
		case c.column >= len(f.row) || decoder.IsBlob() && f.row[c.column] != nil:
			return b[:before], nil
		case f.row[c.column] == nil:
			return append(b, "null"...), nil
		}
		return decoder.AppendJSON(b, f.row[c.column]), nil
	}
	v, err := f.eval(c.scalar)
	if err != nil || v.Kind() == value.Blob {
		return b[:before], err
	}
	return v.AppendJSON(b), nil
}

// encodeID sets the id: the output column id as text; empty if it is NULL, a BLOB or missing.
func (e *emission) encodeID() error {
	if e.q.id < 0 || e.q.kind == rowEvent {
		return nil
	}
	var id value.Value
	if c := e.q.output[e.q.id]; c.column < 0 {
		v, err := e.f.eval(c.scalar)
		if err != nil {
			return err
		}
		id = v
	} else if c.column < len(e.f.row) {
		id = e.f.table.decoders[c.column].Decode(e.f.row[c.column])
	}
	if id.Kind() == value.Blob {
		return nil
	}
	start := len(e.out.arena)
	e.out.arena = id.AppendText(e.out.arena)
	e.id = e.out.since(start)
	return nil
}
