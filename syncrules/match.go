package syncrules

import (
	"slices"

	"github.com/weirsync/weir/syncrules/sql"
	"github.com/weirsync/weir/syncrules/value"
)

// clause is a condition in the WHERE of a bucket definition: a plain one (alternatives is nil), or one that matches rows with
// parameters, in disjunctive form.
type clause struct {
	plain        *expression
	alternatives []alternative
}

// alternative is one way to match: all of matches and filters.
type alternative struct {
	matches []parameterMatch
	filters []*expression
}

// parameterMatch compares a parameter with a value of the row, or is a condition on the request alone (row is nil).
type parameterMatch struct {
	param   string      // identity of the parameter
	request *expression // its value in parameter queries; nil for bucket.x
	row     *expression
	expands bool // an IN, of which one AND has at most one
}

// matcher reads the conditions of a query that matches rows with parameters.
type matcher struct {
	*builder
	kind       matchKind
	nextSource func() int
}

// matchKind is what parameters are: bucket.x in data queries, any value of the request in parameter queries.
type matchKind interface {
	// isParam says whether a name or call stands for a parameter's value.
	isParam(e sql.Expr) bool
	// param reads e, which uses parameters and nothing of the row, as one parameter.
	param(m *matcher, e sql.Expr) (parameterMatch, bool)
	// only reads a condition that uses parameters and nothing of the row; false: as any other.
	only(m *matcher, e sql.Expr) (clause, bool)
	// mixed reports an expression that is no match.
	mixed(m *matcher, e sql.Expr)
}

// uses says what an expression depends on.
func (m *matcher) uses(e sql.Expr) (row, param bool) {
	sql.Walk(e, func(x sql.Expr) {
		if m.kind.isParam(x) {
			param = true
		} else if _, ok := x.(*sql.Ref); ok {
			row = true
		}
	})
	return row, param
}

func (m *matcher) where(e sql.Expr) clause {
	row, param := m.uses(e)
	if !param {
		return clause{plain: m.expr(e)}
	}
	if !row {
		if c, ok := m.kind.only(m, e); ok {
			return c
		}
	}
	switch e := e.(type) {
	case *sql.Binary:
		switch e.Op {
		case "AND":
			return m.and(e, m.where(e.L), m.where(e.R))
		case "OR":
			return m.or(e, m.where(e.L), m.where(e.R))
		case "=":
			return m.equal(e)
		}
	case *sql.In:
		if !e.Not {
			return m.in(e)
		}
	}
	return m.mixed(e)
}

func (m *matcher) mixed(e sql.Expr) clause {
	m.kind.mixed(m, e)
	return clause{plain: broken()}
}

func single(p parameterMatch) clause {
	return clause{alternatives: []alternative{{matches: []parameterMatch{p}}}}
}

// equal reads row = parameter, either way round.
func (m *matcher) equal(e *sql.Binary) clause {
	for _, sides := range [2][2]sql.Expr{{e.L, e.R}, {e.R, e.L}} {
		if _, param := m.uses(sides[1]); param {
			continue
		}
		if p, ok := m.kind.param(m, sides[0]); ok {
			p.row = m.expr(sides[1])
			return single(p)
		}
	}
	return m.mixed(e)
}

// in reads parameter IN array of the row, and row IN array of the request.
func (m *matcher) in(e *sql.In) clause {
	_, left := m.uses(e.X)
	_, right := m.uses(e.R)
	switch {
	case left && !right:
		if p, ok := m.kind.param(m, e.X); ok {
			m.checkList(e, e.R)
			items := &source{id: m.nextSource(), each: m.expr(e.R), mode: eachMode{arrays: true}}
			p.row, p.expands = &expression{op: opElement, name: "value", from: items}, true
			return single(p)
		}
	case right && !left:
		if p, ok := m.kind.param(m, e.R); ok && p.request == nil {
			m.fault(e.R, "a bucket parameter cannot stand on the right side of IN", "select the elements with json_each in the parameters query")
			return clause{plain: broken()}
		} else if ok {
			items := &source{id: m.nextSource(), each: p.request, mode: eachMode{arrays: true, lenient: true}}
			p.param, p.expands = "each of "+p.param, true
			p.request = &expression{op: opElement, name: "value", from: items}
			p.row = m.expr(e.X)
			return single(p)
		}
	}
	return m.mixed(e)
}

func (m *matcher) and(at *sql.Binary, l, r clause) clause {
	if l.plain != nil && r.plain != nil {
		return clause{plain: m.make(at, m.logic("both"), l.plain, r.plain)}
	}
	if l.expands() && r.expands() {
		m.fault(at, "only one IN with a parameter is possible in a query", "split it into separate bucket definitions")
	}
	var out clause
	for _, a := range l.matching() {
		for _, b := range r.matching() {
			out.alternatives = append(out.alternatives, alternative{
				matches: append(slices.Clone(a.matches), b.matches...),
				filters: append(slices.Clone(a.filters), b.filters...),
			})
		}
	}
	return m.bounded(at, out)
}

func (m *matcher) or(at *sql.Binary, l, r clause) clause {
	if l.plain != nil && r.plain != nil {
		return clause{plain: m.make(at, m.logic("either"), l.plain, r.plain)}
	}
	if !slices.Equal(l.params(), r.params()) {
		m.fault(at, "both sides of this OR have to use the same parameters", "split it into separate queries")
		return clause{plain: broken()}
	}
	return m.bounded(at, clause{alternatives: append(slices.Clone(l.alternatives), r.alternatives...)})
}

const maxAlternatives = 100

func (m *matcher) bounded(at sql.Node, c clause) clause {
	if len(c.alternatives) <= maxAlternatives {
		return c
	}
	m.fault(at, "these conditions have too many combinations", "split the query")
	return clause{plain: broken()}
}

// matching is c in disjunctive form.
func (c clause) matching() []alternative {
	if c.plain != nil {
		return []alternative{{filters: []*expression{c.plain}}}
	}
	return c.alternatives
}

func (c clause) expands() bool {
	return slices.ContainsFunc(c.alternatives, func(a alternative) bool {
		return slices.ContainsFunc(a.matches, func(p parameterMatch) bool { return p.expands })
	})
}

// params are the parameters that the alternatives use, sorted.
func (c clause) params() []string {
	var all []string
	for _, a := range c.alternatives {
		for _, p := range a.matches {
			all = append(all, p.param)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// conjuncts splits a plain condition at its ANDs: all are evaluated anyway, and the simple ones then need no program.
func conjuncts(e *expression, into []*expression) []*expression {
	if e.op == opCall && e.fn == value.Operators["both"] {
		return conjuncts(e.args[1], conjuncts(e.args[0], into))
	}
	return append(into, e)
}

// variant turns an alternative into a row variant whose keys are the given parameters in order.
func (a alternative) variant(params []string) *rowVariant {
	v := &rowVariant{}
	for _, f := range a.filters {
		v.filters = conjuncts(f, v.filters)
	}
	for _, name := range params {
		var k rowKey
		for _, m := range a.matches {
			if m.param == name && m.row != nil {
				k.values = append(k.values, m.row)
			}
		}
		v.keys = append(v.keys, k)
	}
	v.collect()
	return v
}

// collect finds the json_each sources that the variant reads.
func (v *rowVariant) collect() {
	v.expand = nil
	for _, e := range v.filters {
		v.expand = e.elements(v.expand)
	}
	for _, k := range v.keys {
		for _, e := range k.values {
			v.expand = e.elements(v.expand)
		}
	}
	for _, e := range v.outputs {
		v.expand = e.elements(v.expand)
	}
}
