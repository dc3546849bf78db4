package syncrules

import (
	"strings"
	"sync"

	"github.com/weirsync/weir/syncrules/pgvalue"
	"github.com/weirsync/weir/syncrules/value"
)

// Table evaluates the rows of one relation for one definition. Immutable, shared.
type Table struct {
	definition *Definition
	queries    []*boundQuery
	decoders   []*pgvalue.Decoder // by column
	slots      []int              // column of each variable; -1: none
	facts      []value.Value      // of each variable, where it is a fact of the table
	frames     sync.Pool
}

// boundQuery is a query whose columns are known.
type boundQuery struct {
	*compiledRow
	output []boundColumn
	id     int    // index of the output column id; -1: none
	table  string // output table
}

// boundColumn is an output column: a column of the row as it is, or a computed value.
type boundColumn struct {
	name   string
	prefix []byte // "name":
	column int    // -1: computed
	scalar *scalar
}

// Bind prepares the definition's queries for rel, or returns nil if the definition does not read it.
func (d *Definition) Bind(rel *Relation) *Table {
	t := &Table{definition: d}
	for _, q := range d.compiled.rows {
		if q.from.Matches(rel) {
			t.queries = append(t.queries, t.bind(q, rel))
		}
	}
	if len(t.queries) == 0 {
		return nil
	}
	options := d.valueOptions()
	for _, c := range rel.Columns {
		t.decoders = append(t.decoders, pgvalue.NewDecoder(c.Type, options))
	}
	for _, v := range d.compiled.row.variables {
		at, fact := -1, value.Value{}
		switch v.expr.op {
		case opColumn:
			at = columnIndex(rel, v.expr.name)
		case opFact:
			fact = v.expr.fact(rel)
		}
		t.slots, t.facts = append(t.slots, at), append(t.facts, fact)
	}
	t.frames.New = func() any { return t.newFrame() }
	return t
}

func (d *Definition) valueOptions() pgvalue.Options {
	o := pgvalue.Options{ISO: d.options.TimestampsISO8601, Custom: d.options.CustomPostgresTypes, Precision: 6}
	if d.options.MaxPrecision != "" {
		o.Precision = precisions[d.options.MaxPrecision]
	}
	return o
}

func columnIndex(rel *Relation, name string) int {
	for i, c := range rel.Columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

func (e *expression) fact(rel *Relation) value.Value {
	switch e.name {
	case factSchema:
		return value.String(rel.Schema)
	case factTable:
		return value.String(rel.Name)
	}
	return value.String(strings.TrimPrefix(rel.Name, e.from.table.Name))
}

// bind settles which output columns there are: of several with a name the last one wins, but in bucket definitions named
// columns win over *.
func (t *Table) bind(q *compiledRow, rel *Relation) *boundQuery {
	b := &boundQuery{compiledRow: q, id: -1, table: q.table}
	if b.table == "" {
		b.table = rel.Name
	}
	named := map[string]bool{}
	for i, s := range q.columns {
		if s == nil {
			for at, c := range rel.Columns {
				if q.starLast || !named[c.Name] {
					b.set(boundColumn{name: c.Name, column: at})
				}
			}
			continue
		}
		c := boundColumn{name: q.rowQuery.columns[i].name, column: -1, scalar: s}
		named[c.name] = true
		if e := q.rowQuery.columns[i].expr; e.op == opColumn {
			// A column that the table does not have is left out, not NULL.
			if c.column = columnIndex(rel, e.name); c.column < 0 {
				b.remove(c.name)
				continue
			}
		}
		b.set(c)
	}
	for i, c := range b.output {
		if c.name == "id" {
			b.id = i
		}
	}
	return b
}

func (b *boundQuery) set(c boundColumn) {
	c.prefix = append(value.AppendQuoted(nil, []byte(c.name)), ':')
	for i := range b.output {
		if b.output[i].name == c.name {
			b.output[i] = c
			return
		}
	}
	b.output = append(b.output, c)
}

func (b *boundQuery) remove(name string) {
	for i := range b.output {
		if b.output[i].name == name {
			b.output = append(b.output[:i], b.output[i+1:]...)
			return
		}
	}
}
