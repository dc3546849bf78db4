package syncrules

import (
	"slices"

	"github.com/weirsync/weir/syncrules/sql"
)

// branch is a conjunction of a stream's WHERE in disjunctive form. Subqueries are part of it: x IN (SELECT y FROM t WHERE c)
// is a table t with the conditions x = y and c, as rows only count once per bucket anyway.
type branch struct {
	conditions []*expression // each over one table, or the request, or nothing
	equalities []equality
}

// equality compares values of two tables, or of a table and the request. NULL equals nothing.
type equality struct {
	sides [2]*expression
	// subquery: x IN (SELECT ..), where edition 2 keeps rows whose x is NULL.
	subquery bool
}

// cross joins every branch with every demand.
func (s *streamCompiler) cross(q *queryReporter, at sql.Node, branches, demands []branch) []branch {
	if len(branches)*len(demands) > maxVariants*10 {
		if q.faults == 0 {
			q.fault(at, "these conditions have too many combinations", "move OR branches into separate queries")
		}
		return branches
	}
	out := make([]branch, 0, len(branches)*len(demands))
	for _, a := range branches {
		for _, b := range demands {
			out = append(out, branch{
				conditions: slices.Concat(a.conditions, b.conditions),
				equalities: slices.Concat(a.equalities, b.equalities),
			})
		}
	}
	return out
}

// condition reads a condition, or its negation, into branches. What uses one table or only the request stays one expression.
func (s *streamCompiler) condition(scope *streamScope, e sql.Expr, negated bool) []branch {
	o, special := scope.analyse(s, e)
	if !special && !o.mixed {
		return []branch{{conditions: s.leaf(scope, e, negated)}}
	}
	switch e := e.(type) {
	case *sql.Unary:
		if e.Op == "NOT" {
			return s.condition(scope, e.X, !negated)
		}
	case *sql.Binary:
		return s.binary(scope, e, negated)
	case *sql.In:
		if e.Not == negated {
			return s.in(scope, e)
		}
	}
	if special {
		scope.fault(e, "a subquery cannot be negated", "only x IN (SELECT ..) and array && (SELECT ..) are supported")
	} else {
		scope.mixed(e)
	}
	return []branch{{}}
}

func (s *streamCompiler) leaf(scope *streamScope, e sql.Expr, negated bool) []*expression {
	x := scope.builder.expr(e)
	if negated {
		return []*expression{scope.builder.make(e, scope.builder.logic("negate"), x)}
	}
	return conjuncts(x, nil)
}

func (s *streamCompiler) binary(scope *streamScope, e *sql.Binary, negated bool) []branch {
	switch {
	case e.Op == "AND" && !negated, e.Op == "OR" && negated:
		l := s.condition(scope, e.L, negated)
		return s.cross(scope.queryReporter, e, l, s.condition(scope, e.R, negated))
	case e.Op == "AND", e.Op == "OR":
		l := s.condition(scope, e.L, negated)
		return append(l, s.condition(scope, e.R, negated)...)
	case e.Op == "=" && !negated, e.Op == "!=" && negated:
		l, r := scope.builder.expr(e.L), scope.builder.expr(e.R)
		if scope.unmixed(e.L, l) && scope.unmixed(e.R, r) {
			return []branch{equal(l, r, false)}
		}
		return []branch{{}}
	case e.Op == "&&" && !negated:
		return s.overlap(scope, e)
	}
	scope.mixed(e)
	return []branch{{}}
}

// equal is a branch in which both values are equal.
func equal(l, r *expression, subquery bool) branch {
	if l.origin().and(r.origin()).mixed {
		return branch{equalities: []equality{{[2]*expression{l, r}, subquery}}}
	}
	return branch{conditions: []*expression{operator("eq", l, r)}}
}

// in reads x IN subquery, and x IN array where x and the array come from different places.
func (s *streamCompiler) in(scope *streamScope, e *sql.In) []branch {
	x := scope.builder.expr(e.X)
	if !scope.unmixed(e.X, x) {
		return []branch{{}}
	}
	if s.isSubquery(e.R) {
		column, demands := s.column(scope.queryReporter, e.R)
		return s.cross(scope.queryReporter, e, []branch{equal(x, column, true)}, demands)
	}
	scope.builder.checkList(e, e.R)
	list := scope.builder.expr(e.R)
	if !scope.unmixed(e.R, list) {
		return []branch{{}}
	}
	return []branch{equal(x, s.element(list), false)}
}

// overlap reads array && subquery, and array && array where they come from different places.
func (s *streamCompiler) overlap(scope *streamScope, e *sql.Binary) []branch {
	l := scope.builder.expr(e.L)
	if !scope.unmixed(e.L, l) {
		return []branch{{}}
	}
	if s.isSubquery(e.R) {
		column, demands := s.column(scope.queryReporter, e.R)
		return s.cross(scope.queryReporter, e, []branch{equal(s.element(l), column, true)}, demands)
	}
	scope.builder.checkList(e, e.R)
	r := scope.builder.expr(e.R)
	if !scope.unmixed(e.R, r) {
		return []branch{{}}
	}
	return []branch{equal(s.element(l), s.element(r), false)}
}

// element is any element of an array that is not null.
func (s *streamCompiler) element(list *expression) *expression {
	items := &source{id: s.nextSource(), each: list}
	return &expression{op: opElement, name: "value", from: items}
}

// warnDangerous warns about branches in which nothing but the client's own parameters decides what it gets.
func (s *streamCompiler) warnDangerous(q *queryReporter, sel *sql.Select, branches []branch) {
	if s.raw.dangerous {
		return
	}
	for _, b := range branches {
		if b.usesClient() && !b.comparesAuth() {
			q.warn(clientParameter(sel), "clients can send any value for this parameter, so they decide themselves what they get",
				"compare rows with an auth value too, or set accept_potentially_dangerous_queries: true")
			return
		}
	}
}

func (b branch) usesClient() bool {
	client := func(e *expression) bool { return e.reads(requestConnection, requestSubscription) }
	return slices.ContainsFunc(b.conditions, client) ||
		slices.ContainsFunc(b.equalities, func(e equality) bool { return client(e.sides[0]) || client(e.sides[1]) })
}

func (b branch) comparesAuth() bool {
	return slices.ContainsFunc(b.equalities, func(e equality) bool {
		return e.sides[0].reads(requestClaims, requestUser) || e.sides[1].reads(requestClaims, requestUser)
	})
}

// reads says whether e reads one of these parts of the request.
func (e *expression) reads(parts ...string) bool {
	if e.op == opRequest && slices.Contains(parts, e.name) {
		return true
	}
	if e.op == opElement {
		return e.from.each.reads(parts...)
	}
	return slices.ContainsFunc(e.args, func(a *expression) bool { return a.reads(parts...) })
}

// clientParameter is the place of the first client parameter of a query, or of the query.
func clientParameter(sel *sql.Select) sql.Node {
	var found sql.Node
	sql.Walk(sel.Where, func(e sql.Expr) {
		call, ok := e.(*sql.Call)
		if ok && found == nil && call.Schema != nil && (call.Schema.Name == "connection" || call.Schema.Name == "subscription") {
			found = call
		}
	})
	if found == nil {
		return sel
	}
	return found
}
