package syncrules

import (
	"fmt"
	"slices"

	"github.com/weirsync/weir/syncrules/sql"
)

// maxVariants bounds the OR branches of a stream, each of which has buckets of its own.
const maxVariants = 100

// streamCompiler compiles one stream.
type streamCompiler struct {
	*compiler
	raw      rawStream
	plan     *plan
	ctes     map[string]rawCTE
	inCTE    bool           // a common table expression cannot use others
	buckets  map[string]int // numbers of request queries by what they mean: equal ones share their buckets
	lookups  map[string]int // likewise
	variants int
}

func (c *compiler) stream(raw rawStream) *Definition {
	s := &streamCompiler{compiler: c, raw: raw, plan: &plan{}, ctes: map[string]rawCTE{}, buckets: map[string]int{}, lookups: map[string]int{}}
	d := &Definition{Name: raw.name, Kind: Stream, Priority: priorityDefault, AutoSub: raw.autoSub, plan: s.plan, options: c.config}
	if raw.priority != nil {
		d.Priority = *raw.priority
	}
	if s.alpha() {
		c.add(Warning, raw.name, raw.node.start, raw.node.end, "streams of edition 2 are an early version", "set edition: 3 for the whole language")
	}
	for _, cte := range slices.Concat(c.doc.ctes, raw.ctes) {
		s.ctes[cte.name] = cte
	}
	for _, q := range raw.queries {
		s.query(q)
	}
	c.unused(raw.ctes, raw.name)
	return d
}

func (s *streamCompiler) alpha() bool { return s.config.Edition < 3 }

func (s *streamCompiler) dialect() dialect {
	return dialect{streams: !s.alpha(), alpha: s.alpha(), fixed: s.config.FixedJSONExtract, sqlite: s.config.SQLiteExpressions}
}

// unused warns about common table expressions that no query uses, and checks them all the same.
func (c *compiler) unused(ctes []rawCTE, definition string) {
	for _, cte := range ctes {
		if c.used[cte.key] {
			continue
		}
		c.add(Warning, definition, cte.key.start, cte.key.end, fmt.Sprintf("no query uses %s", cte.name), "")
		s := &streamCompiler{compiler: c, raw: rawStream{name: definition}, inCTE: true}
		s.cte(cte)
	}
}

func (s *streamCompiler) reporterOf(q *queryText) *queryReporter {
	return &queryReporter{reporter: s.reporter, query: q, definition: s.raw.name}
}

// query compiles a query: the rows that it syncs, and how requests find them.
func (s *streamCompiler) query(text *queryText) {
	q := s.reporterOf(text)
	sel := q.parse()
	if sel == nil || s.alpha() && !singleTable(q, sel) {
		return
	}
	before := len(s.found)
	scope, branches := s.from(q, sel)
	out := s.output(scope, sel)
	branches = s.where(scope, sel, branches)
	if s.found[before:].Fatal() || out == nil {
		return
	}
	if s.variants += len(branches); s.variants > maxVariants {
		q.fault(sel, fmt.Sprintf("this stream has too many variants (%d, at most %d)", s.variants, maxVariants),
			"move OR branches into queries of separate streams")
		return
	}
	row := &rowQuery{kind: rowData, label: text.label, from: out.source.table, columns: out.columns, table: out.table, starLast: !s.alpha()}
	s.plan.rows = append(s.plan.rows, row)
	for _, b := range branches {
		s.branch(row, out.source, b)
	}
	s.warnDangerous(q, sel, branches)
}

// from reads FROM: a scope, and what its subqueries demand.
func (s *streamCompiler) from(q *queryReporter, sel *sql.Select) (*streamScope, []branch) {
	scope := &streamScope{queryReporter: q}
	scope.builder = &builder{queryReporter: q, dialect: s.dialect(), names: scope, inLists: true}
	branches := []branch{{}}
	for _, item := range sel.From {
		entry, demands := s.fromItem(q, scope, item)
		if scope.find(entry.name) != nil {
			q.fault(item, fmt.Sprintf("there are two tables called %s here", entry.name), "give one an alias: AS other")
		}
		scope.entries = append(scope.entries, entry)
		branches = s.cross(q, item, branches, demands)
	}
	return scope, branches
}

func (s *streamCompiler) fromItem(q *queryReporter, scope *streamScope, item sql.From) (scopeEntry, []branch) {
	entry := scopeEntry{}
	if item.Alias != nil {
		entry.name = item.Alias.Name
	}
	switch {
	case item.Sub != nil:
		columns, branches := s.sub(q, item.Sub)
		entry.columns = derived(q, columns, item.Names)
		return entry, branches
	case item.Call != nil:
		entry.source = s.jsonEach(q, scope, item.Call)
		if item.Alias == nil {
			entry.name = item.Call.Name.Name
		}
		return entry, []branch{{}}
	}
	if item.Alias == nil {
		entry.name = item.Table.Name.Name
	}
	if cte, ok := s.cteNamed(item.Table); ok {
		columns, branches := s.cte(cte)
		entry.columns = derived(q, columns, nil)
		return entry, branches
	}
	pattern := s.pattern(q, item.Table)
	entry.source = &source{id: s.nextSource(), table: pattern, alias: entry.name}
	entry.schema = s.schemaOf(q, item.Table, pattern)
	return entry, []branch{{}}
}

// jsonEach reads json_each(value) in FROM. The value may use what stands before it.
func (s *streamCompiler) jsonEach(q *queryReporter, scope *streamScope, call *sql.Call) *source {
	if call.Schema != nil || call.Name.Name != "json_each" || len(call.Args) != 1 {
		q.fault(call, "the only table-valued function is json_each(value)", "")
		return s.each(broken())
	}
	input := scope.builder.expr(call.Args[0])
	if !scope.unmixed(call, input) {
		input = broken()
	}
	return s.each(input)
}

func (s *streamCompiler) each(input *expression) *source {
	return &source{id: s.nextSource(), each: input, mode: eachMode{nullText: !s.config.FixedJSONExtract}}
}

// where reads WHERE and the conditions of joins.
func (s *streamCompiler) where(scope *streamScope, sel *sql.Select, branches []branch) []branch {
	for _, item := range sel.From {
		if item.On != nil {
			branches = s.cross(scope.queryReporter, item.On, branches, s.condition(scope, item.On, false))
		}
	}
	if sel.Where != nil {
		branches = s.cross(scope.queryReporter, sel.Where, branches, s.condition(scope, sel.Where, false))
	}
	return branches
}

// subColumn is a column of a subquery.
type subColumn struct {
	name string
	expr *expression
}

// sub compiles a subquery: what its columns are, and what has to hold.
func (s *streamCompiler) sub(q *queryReporter, sel *sql.Select) ([]subColumn, []branch) {
	if s.alpha() && !singleTable(q, sel) {
		return nil, []branch{{}}
	}
	scope, branches := s.from(q, sel)
	var columns []subColumn
	for _, c := range sel.Columns {
		ref, isRef := c.Expr.(*sql.Ref)
		if isRef && ref.Star {
			q.fault(c, "* is not allowed in subqueries and common table expressions", "name the columns")
			continue
		}
		e := scope.builder.expr(c.Expr)
		scope.unmixed(c.Expr, e)
		name := q.source(c.Expr)
		switch {
		case c.Alias != nil:
			name = c.Alias.Name
		case isRef:
			name = ref.Name.Name
		}
		columns = append(columns, subColumn{name, e})
	}
	branches = s.where(scope, sel, branches)
	if s.alpha() && len(branches) > 1 {
		q.fault(sel, "OR between a table and the request is not supported in subqueries here", "set edition: 3")
	}
	return columns, branches
}

// cteNamed finds the common table expression that a table name stands for. One cannot use another: there the name is a
// table's.
func (s *streamCompiler) cteNamed(t *sql.TableName) (rawCTE, bool) {
	if t.Schema != nil || s.inCTE {
		return rawCTE{}, false
	}
	cte, ok := s.ctes[t.Name.Name]
	return cte, ok
}

// cte compiles a common table expression for one use of it.
func (s *streamCompiler) cte(cte rawCTE) ([]subColumn, []branch) {
	s.used[cte.key] = true
	q := s.reporterOf(cte.query)
	sel := q.parse()
	if sel == nil {
		return nil, []branch{{}}
	}
	outer := s.inCTE
	s.inCTE = true
	defer func() { s.inCTE = outer }()
	return s.sub(q, sel)
}

// isSubquery says whether the right side of IN or && is a SELECT, or a name of one.
func (s *streamCompiler) isSubquery(e sql.Expr) bool {
	switch e := e.(type) {
	case *sql.Subquery:
		return true
	case *sql.Ref:
		_, ok := s.ctes[e.Name.Name]
		return ok && e.Table == nil && !e.Star && !s.inCTE
	}
	return false
}

// column compiles the right side of IN or && that isSubquery: its only column.
func (s *streamCompiler) column(q *queryReporter, e sql.Expr) (*expression, []branch) {
	var columns []subColumn
	var branches []branch
	if sub, ok := e.(*sql.Subquery); ok {
		columns, branches = s.sub(q, sub.Select)
	} else {
		columns, branches = s.cte(s.ctes[e.(*sql.Ref).Name.Name])
	}
	if len(columns) != 1 {
		if q.faults == 0 {
			q.fault(e, "a subquery has to return a single column here", "")
		}
		return broken(), branches
	}
	return columns[0].expr, branches
}
