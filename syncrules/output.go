package syncrules

import (
	"fmt"
	"slices"

	"github.com/weirsync/weir/syncrules/sql"
)

// streamOutput is what a stream's query syncs: columns of one table.
type streamOutput struct {
	source  *source
	table   string // "": the source table's name
	columns []outColumn
}

// output reads the select list; nil after a fault.
func (s *streamCompiler) output(scope *streamScope, sel *sql.Select) *streamOutput {
	o := &outputReader{streamCompiler: s, scope: scope, out: &streamOutput{}}
	o.builder = *scope.builder
	o.builder.inLists = !o.builder.streams
	for _, c := range sel.Columns {
		o.column(c)
	}
	if o.out.source == nil {
		scope.fault(sel, "a query has to select at least one column of a table", "")
		return nil
	}
	for i, item := range sel.From {
		if scope.entries[i].source == o.out.source {
			o.out.table = outputTable(item)
		}
	}
	o.checkID(sel)
	return o.out
}

type outputReader struct {
	*streamCompiler
	scope   *streamScope
	builder builder
	out     *streamOutput
}

func (o *outputReader) column(c sql.Column) {
	ref, isRef := c.Expr.(*sql.Ref)
	if isRef && ref.Star {
		o.star(ref)
		return
	}
	e := o.builder.expr(c.Expr)
	if !o.check(c, e) {
		return
	}
	name := o.scope.source(c.Expr)
	switch {
	case c.Alias != nil:
		name = c.Alias.Name
	case isRef:
		name = ref.Name.Name
	case o.alpha():
		o.scope.fault(c, "this column needs a name", "write "+name+" AS name")
	default:
		o.scope.warn(c, "this column has no name of its own", "write "+name+" AS name")
	}
	o.out.columns = append(o.out.columns, outColumn{name: name, expr: e})
}

// check says whether e can be synced: it uses no more than one table, which is the same for all columns.
func (o *outputReader) check(c sql.Column, e *expression) bool {
	const hint = "other tables of a query only filter"
	switch origin := e.origin(); {
	case origin.request:
		o.scope.fault(c.Expr, "values of the request cannot be synced", "only values of the source's tables are")
	case origin.mixed:
		o.scope.fault(c.Expr, "this uses values of several tables", hint)
	case origin.table == nil:
		return true
	case len(e.elements(nil)) > 0 || !o.scope.has(origin.table):
		o.scope.fault(c.Expr, "only columns of actual tables can be synced", hint)
	case o.out.source != nil && o.out.source != origin.table:
		o.scope.fault(c.Expr, fmt.Sprintf("a query can sync one table only, and this one already syncs %s", o.out.source.alias), hint)
	default:
		o.out.source = origin.table
		return true
	}
	return false
}

// has says whether a table stands in FROM itself, not in a subquery there.
func (s *streamScope) has(table *source) bool {
	return slices.ContainsFunc(s.entries, func(e scopeEntry) bool { return e.source == table })
}

func (o *outputReader) star(ref *sql.Ref) {
	var entry *scopeEntry
	switch {
	case ref.Table != nil:
		if entry = o.scope.find(ref.Table.Name); entry == nil {
			o.scope.fault(ref, fmt.Sprintf("there is no table %s in FROM here", ref.Table.Text), "")
			return
		}
	case len(o.scope.entries) == 1:
		entry = &o.scope.entries[0]
	default:
		o.scope.fault(ref, "* needs a qualifier, as there are several tables", "write table.*")
		return
	}
	if entry.source == nil || entry.source.each != nil {
		o.scope.fault(ref, "only columns of actual tables can be synced", "")
		return
	}
	if o.out.source != nil && o.out.source != entry.source {
		o.scope.fault(ref, fmt.Sprintf("a query can sync one table only, and this one already syncs %s", o.out.source.alias), "other tables of a query only filter")
		return
	}
	o.out.source = entry.source
	if len(o.out.columns) > 0 && o.builder.streams && slices.ContainsFunc(o.out.columns, func(c outColumn) bool { return !c.star }) {
		o.scope.warn(ref, "* overwrites the columns before it that have the name of one of its own", "put * first")
	}
	o.out.columns = append(o.out.columns, outColumn{star: true})
}

// checkID applies the rule of bucket definitions to edition 2 streams; edition 3 has none.
func (o *outputReader) checkID(sel *sql.Select) {
	if o.alpha() {
		checkID(o.scope.queryReporter, sel, &rowQuery{columns: o.out.columns}, o.scope.entries[0].schema)
	}
}
