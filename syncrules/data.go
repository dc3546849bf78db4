package syncrules

import (
	"fmt"
	"slices"

	"github.com/weirsync/weir/syncrules/sql"
	"github.com/weirsync/weir/syncrules/value"
)

// dataQuery compiles SELECT columns FROM table WHERE conditions on the row and comparisons with bucket parameters.
func (b *bucketCompiler) dataQuery(text *queryText) {
	q := b.reporterOf(text)
	sel := q.parse()
	if sel == nil || !singleTable(q, sel) {
		return
	}
	table, schema := b.table(q, sel.From[0])
	scope := &legacyScope{queryReporter: q, table: table, alias: table.alias, schema: schema}
	builder := &builder{queryReporter: q, dialect: b.dialect(), names: scope, inLists: true}
	row := &rowQuery{kind: rowData, label: text.label, from: table.table, table: outputTable(sel.From[0])}
	row.columns = b.columns(builder, scope, sel)
	checkID(q, sel, row, schema)

	bucket := bucketParams{}
	where := clause{alternatives: []alternative{{}}}
	if sel.Where != nil {
		m := &matcher{builder: builder, kind: bucket, nextSource: b.nextSource}
		where = m.where(sel.Where)
	}
	if q.faults > 0 || !b.defined {
		return
	}
	b.checkParams(q, sel, where.params())
	for _, a := range where.matching() {
		v := a.variant(b.params)
		v.prefix = b.raw.name
		row.variants = append(row.variants, v)
	}
	b.plan.rows = append(b.plan.rows, row)
}

// checkParams checks that a query uses every bucket parameter and no others.
func (b *bucketCompiler) checkParams(q *queryReporter, at sql.Node, used []string) {
	for _, name := range b.params {
		if !slices.Contains(used, name) {
			q.fault(at, "this query has to use every bucket parameter: bucket."+name+" is missing", "add AND column = bucket."+name)
		}
	}
	for _, name := range used {
		if !slices.Contains(b.params, name) {
			q.fault(at, "there is no bucket parameter "+name, "select it in the parameters query")
		}
	}
}

// singleTable checks that a query reads one table and nothing else.
func singleTable(q *queryReporter, sel *sql.Select) bool {
	if sel.Distinct {
		q.fault(sel, "DISTINCT is not supported", "rows with the same id are one row anyway")
	}
	if len(sel.From) != 1 || sel.From[0].Table == nil {
		q.fault(sel, "a query here has to select from a single table", "edition 3 streams have joins and subqueries")
		return false
	}
	return true
}

// outputTable is the name that clients see: the alias, or the name as written; "" for a wildcard without alias.
func outputTable(item sql.From) string {
	switch {
	case item.Alias != nil:
		return item.Alias.Name
	case wildcard(item.Table.Name):
		return ""
	}
	return item.Table.Name.Name
}

// columns reads the select list of a data query or event.
func (b *bucketCompiler) columns(builder *builder, scope *legacyScope, sel *sql.Select) []outColumn {
	var out []outColumn
	for _, c := range sel.Columns {
		ref, isRef := c.Expr.(*sql.Ref)
		switch {
		case isRef && ref.Star:
			table := sel.From[0].Table.Name.Name
			if ref.Table != nil && ref.Table.Name != scope.alias && ref.Table.Name != table {
				scope.fault(ref, fmt.Sprintf("there is no table %s here", ref.Table.Text), "write "+scope.alias+".*")
			}
			out = append(out, outColumn{star: true})
			continue
		case bucketParams{}.uses(c.Expr):
			scope.fault(c, "bucket parameters cannot be selected", "rows have to be the same for everyone in the bucket")
			continue
		case c.Alias == nil && !isRef:
			scope.fault(c, "this column needs a name", "write "+scope.source(c.Expr)+" AS name")
		}
		expr := builder.expr(c.Expr)
		out = append(out, outColumn{name: columnName(scope, c), expr: expr})
	}
	return out
}

func columnName(scope *legacyScope, c sql.Column) string {
	if c.Alias != nil {
		scope.folded(c.Alias)
		return c.Alias.Name
	}
	if ref, ok := c.Expr.(*sql.Ref); ok {
		return ref.Name.Name
	}
	return ""
}

// checkID checks that rows have an id.
func checkID(q *queryReporter, sel *sql.Select, row *rowQuery, schema *tableSchema) {
	star := slices.ContainsFunc(row.columns, func(c outColumn) bool { return c.star })
	id := slices.ContainsFunc(row.columns, func(c outColumn) bool { return c.name == "id" })
	switch {
	case id:
	case !star:
		q.fault(sel, `a query has to return a column named "id"`, "select it, or name another column so: key AS id")
	case schema.known() && !schema.has("id"):
		q.warn(sel, `this query returns no column named "id"`, "name another column so: key AS id")
	}
}

// bucketParams are the parameters of data queries: bucket.x.
type bucketParams struct{}

func (bucketParams) isParam(e sql.Expr) bool {
	ref, ok := e.(*sql.Ref)
	return ok && ref.Table != nil && ref.Table.Name == "bucket"
}

func (p bucketParams) uses(e sql.Expr) bool {
	found := false
	sql.Walk(e, func(x sql.Expr) { found = found || p.isParam(x) })
	return found
}

func (p bucketParams) param(_ *matcher, e sql.Expr) (parameterMatch, bool) {
	if !p.isParam(e) {
		return parameterMatch{}, false
	}
	return parameterMatch{param: e.(*sql.Ref).Name.Name}, true
}

// only reads bare bucket.x, which means bucket.x = 1.
func (p bucketParams) only(m *matcher, e sql.Expr) (clause, bool) {
	match, ok := p.param(m, e)
	match.row = constant(value.True)
	return single(match), ok
}

func (bucketParams) mixed(m *matcher, e sql.Expr) {
	m.fault(e, "bucket parameters cannot be used in expressions", "they stand only in comparisons of the form column = bucket.name and bucket.name IN column")
}
