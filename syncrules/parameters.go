package syncrules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirsync/weir/syncrules/sql"
)

// parameterQuery compiles a parameter query of one of three kinds: without FROM (static), from a table, or from json_each.
func (b *bucketCompiler) parameterQuery(number int, text *queryText) {
	q := b.reporterOf(text)
	sel := q.parse()
	if sel == nil {
		b.defined = false
		return
	}
	if sel.Distinct {
		q.fault(sel, "DISTINCT is not supported", "every bucket counts once anyway")
	}
	p := &parameterCompiler{
		bucketCompiler: b, queryReporter: q, number: number, sel: sel,
		scope:  &legacyScope{queryReporter: q, request: true},
		values: map[string]*expression{},
		query:  &requestQuery{label: text.label, prefix: b.raw.name, keepNull: true},
	}
	p.builder = &builder{queryReporter: q, dialect: b.dialect(), names: p.scope, inLists: true}
	switch {
	case len(sel.From) > 1:
		q.fault(sel, "a parameter query has to select from a single table", "edition 3 streams have joins")
	case len(sel.From) == 1 && sel.From[0].Table != nil:
		p.fromTable(sel.From[0])
	default:
		p.fromRequest()
	}
	b.defined = b.defined && q.faults == 0
	if q.faults == 0 {
		p.warnDangerous()
	}
}

type parameterCompiler struct {
	*bucketCompiler
	*queryReporter
	number  int
	sel     *sql.Select
	scope   *legacyScope
	builder *builder
	names   []string // of the output columns in order
	values  map[string]*expression
	query   *requestQuery
}

// fromRequest compiles a query that needs no table: static, or over json_each.
func (p *parameterCompiler) fromRequest() {
	if len(p.sel.From) == 1 && !p.jsonEach(p.sel.From[0]) {
		return
	}
	p.columns(func(sql.Expr, *expression) {})
	if p.sel.Where != nil {
		where := p.builder.expr(p.sel.Where)
		if p.scope.elements != nil {
			p.query.each[0].conditions = conjuncts(where, nil)
		} else {
			p.query.conditions = conjuncts(where, nil)
		}
	}
	if p.faults > 0 || !p.define() {
		return
	}
	for _, name := range p.params {
		p.query.params = append(p.query.params, p.query.compute(p.values[name]))
	}
	p.plan.requests = append(p.plan.requests, p.query)
}

// jsonEach reads FROM json_each(request value).
func (p *parameterCompiler) jsonEach(item sql.From) bool {
	if item.Call == nil {
		p.fault(item, "subqueries are not supported here", "edition 3 streams have them")
		return false
	}
	if item.Call.Name.Name != "json_each" || item.Call.Schema != nil || len(item.Call.Args) != 1 {
		p.fault(item.Call, "the only table-valued function is json_each(value)", "")
		return false
	}
	s := &source{
		id: p.nextSource(), alias: "json_each", each: p.builder.expr(item.Call.Args[0]),
		mode: eachMode{nullText: !p.config.FixedJSONExtract},
	}
	if item.Alias != nil {
		s.alias = item.Alias.Name
	}
	p.scope.elements, p.scope.alias = s, s.alias
	p.query.each = []eachStep{{source: s}}
	return true
}

// fromTable compiles a query of a table: its rows are stored under the values that the request is compared with, and found
// by them.
func (p *parameterCompiler) fromTable(item sql.From) {
	if item.Alias != nil {
		p.fault(item, "table aliases are not supported in parameter queries", "qualify columns with the table's name")
	}
	p.scope.table, p.scope.schema = p.table(p.queryReporter, item)
	p.scope.alias = p.scope.table.alias
	p.columns(p.checkColumn)

	where := clause{alternatives: []alternative{{}}}
	if p.sel.Where != nil {
		m := &matcher{builder: p.builder, kind: requestParams{p.scope}, nextSource: p.nextSource}
		where = m.where(p.sel.Where)
	}
	if p.faults > 0 || !p.define() {
		return
	}
	p.lookup(where)
	p.plan.requests = append(p.plan.requests, p.query)
}

// checkColumn allows columns of the table and expressions over the request, but no expressions over columns.
func (p *parameterCompiler) checkColumn(at sql.Expr, e *expression) {
	switch o := e.origin(); {
	case o.mixed:
		p.fault(at, "table values and values of the request cannot be used in one expression", "")
	case o.table != nil && e.op != opColumn && e.op != opFact:
		p.fault(at, "a parameter query can select columns, but no expressions over columns", "compute it in the data queries, or use a stream")
	}
}

// columns reads the select list.
func (p *parameterCompiler) columns(check func(sql.Expr, *expression)) {
	for _, c := range p.sel.Columns {
		ref, isRef := c.Expr.(*sql.Ref)
		switch {
		case isRef && ref.Star:
			p.fault(c, "* is not supported here", "name the columns: they are the bucket's parameters")
			continue
		case c.Alias != nil && c.Alias.Name == "_priority":
			p.priority(c)
			continue
		case c.Alias == nil && !isRef:
			p.fault(c, "this column needs a name", "write "+p.source(c.Expr)+" AS name")
		}
		e := p.builder.expr(c.Expr)
		check(c.Expr, e)
		name := columnName(p.scope, c)
		if p.values[name] != nil {
			p.fault(c, fmt.Sprintf("the bucket parameter %q is there twice", name), "")
		}
		p.names, p.values[name] = append(p.names, name), e
	}
}

// priority reads an integer AS _priority.
func (p *parameterCompiler) priority(c sql.Column) {
	literal, ok := c.Expr.(*sql.Literal)
	if !ok || literal.Kind != sql.Int || len(literal.Text) != 1 || literal.Text > "3" {
		p.fault(c.Expr, "a priority is a whole number from 0 to 3", "write 1 AS _priority")
		return
	}
	if p.raw.priority != nil || p.query.priority != nil {
		p.fault(c, "the priority is there twice", "give it under priority: or AS _priority")
	}
	n := int(literal.Text[0] - '0')
	p.query.priority = &n
}

// define makes the query's columns the bucket's parameters, or checks that they are.
func (p *parameterCompiler) define() bool {
	if p.number == 0 {
		p.params = p.names
		return true
	}
	if !slices.Equal(slices.Sorted(slices.Values(p.names)), slices.Sorted(slices.Values(p.params))) {
		p.fault(p.sel, "every parameter query of a definition has to select the same columns", "the first one selects "+strings.Join(p.params, ", "))
		return false
	}
	return true
}

// lookup plans how rows are stored and found.
func (p *parameterCompiler) lookup(where clause) {
	row := &rowQuery{kind: rowLookup, label: p.query.label, from: p.scope.table.table}
	step := lookupStep{lookup: p.nextLookup(p.plan), query: row}
	keys := p.keys(where, &step)
	var outputs []*expression
	for _, name := range p.params {
		e := p.values[name]
		if e.origin().table == nil {
			p.query.params = append(p.query.params, p.query.compute(e))
			continue
		}
		p.query.params = append(p.query.params, slot{0, len(outputs)})
		outputs = append(outputs, e)
	}
	step.outputs = len(outputs)
	for _, a := range where.matching() {
		v := a.variant(keys)
		v.lookup, v.outputs = step.lookup, outputs
		row.variants = append(row.variants, v)
	}
	p.query.lookups = []lookupStep{step}
	p.plan.rows = append(p.plan.rows, row)
}

// keys names the parameters that rows are stored under, and computes their values for the request.
func (p *parameterCompiler) keys(where clause, step *lookupStep) []string {
	var names []string
	seen := map[string]bool{}
	for _, a := range where.matching() {
		for _, m := range a.matches {
			if seen[m.param] {
				continue
			}
			seen[m.param] = true
			if m.row == nil {
				p.query.conditions = append(p.query.conditions, m.request)
				continue
			}
			names = append(names, m.param)
			for _, s := range m.request.elements(nil) {
				p.query.each = append(p.query.each, eachStep{source: s})
			}
			step.keys = append(step.keys, p.query.compute(m.request))
		}
	}
	return names
}

// compute plans the value of a request's expression.
func (q *requestQuery) compute(e *expression) slot {
	q.computed = append(q.computed, e)
	return computedSlot(len(q.computed) - 1)
}

// nextLookup numbers the lookups of a definition.
func (*compiler) nextLookup(p *plan) int {
	n := 0
	for _, q := range p.rows {
		if q.kind == rowLookup {
			n++
		}
	}
	return n
}

// warnDangerous warns if the client alone decides which buckets it gets.
func (p *parameterCompiler) warnDangerous() {
	if p.raw.dangerous {
		return
	}
	var token, client bool
	visit := func(e sql.Expr) {
		switch part := requestPart(e); part {
		case "":
		case requestConnection:
			client = true
		default:
			token = true
		}
	}
	for _, c := range p.sel.Columns {
		sql.Walk(c.Expr, visit)
	}
	for _, f := range p.sel.From {
		if f.Call != nil {
			sql.Walk(f.Call, visit)
		}
	}
	sql.Walk(p.sel.Where, visit)
	if client && !token {
		p.warn(p.sel, "clients can send any value for these parameters, so they decide themselves what they get",
			"compare with request.user_id() too, or set accept_potentially_dangerous_queries: true")
	}
}

// requestPart says which part of the request a name or call of a parameter query reads; "" if none.
func requestPart(e sql.Expr) string {
	switch e := e.(type) {
	case *sql.Ref:
		if e.Table != nil && e.Table.Name == "token_parameters" {
			return requestToken
		}
		if e.Table != nil && e.Table.Name == "user_parameters" {
			return requestConnection
		}
	case *sql.Call:
		if e.Schema != nil && e.Schema.Name == "request" {
			if e.Name.Name == "parameters" {
				return requestConnection
			}
			return requestClaims
		}
	}
	return ""
}

// requestParams are the parameters of table queries: any expression over the request.
type requestParams struct{ scope *legacyScope }

func (requestParams) isParam(e sql.Expr) bool { return requestPart(e) != "" }

func (requestParams) param(m *matcher, e sql.Expr) (parameterMatch, bool) {
	if row, param := m.uses(e); row || !param {
		return parameterMatch{}, false
	}
	x := m.expr(e)
	return parameterMatch{param: x.text(newCanonical().name), request: x}, true
}

// only reads a condition on the request alone.
func (p requestParams) only(m *matcher, e sql.Expr) (clause, bool) {
	match, ok := p.param(m, e)
	match.param = "condition " + match.param
	return single(match), ok
}

func (requestParams) mixed(m *matcher, e sql.Expr) {
	m.fault(e, "table values and values of the request cannot be used together in this way", "compare them with = or IN")
}
