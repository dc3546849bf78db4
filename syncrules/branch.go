package syncrules

import (
	"cmp"
	"fmt"
	"slices"
)

// branch plans one branch of a query: rows of the output table go into buckets named after their sides of the equalities;
// a request finds the other sides' values by walking from what it knows through the other tables, one lookup each.
func (s *streamCompiler) branch(row *rowQuery, output *source, b branch) {
	p := &branchPlan{
		streamCompiler: s, output: output, branch: b, canonical: newCanonical(),
		query: &requestQuery{label: row.label, keepNull: false},
		steps: map[*source]int{}, computed: map[string]int{},
	}
	p.requestSide()
	p.planLookups()
	variant := p.rowSide()
	p.finish()
	variant.prefix = p.query.prefix
	row.variants = append(row.variants, variant)
}

type branchPlan struct {
	*streamCompiler
	output    *source
	branch    branch
	query     *requestQuery
	canonical *canonical
	steps     map[*source]int // lookups by table
	outputs   [][]*expression // of each lookup
	computed  map[string]int
}

// requestSide plans conditions and json_each of the request.
func (p *branchPlan) requestSide() {
	var items []*source
	for _, e := range p.branch.conditions {
		if e.origin().request {
			items = e.elements(items)
		}
	}
	for _, q := range p.branch.equalities {
		for _, side := range q.sides {
			if side.origin().request {
				items = side.elements(items)
			}
		}
	}
	for _, s := range items {
		p.query.each = append(p.query.each, eachStep{source: s})
	}
	for _, e := range p.branch.conditions {
		if !e.origin().request {
			continue
		}
		last := -1 // the step after which all that e reads is known
		for _, s := range e.elements(nil) {
			last = max(last, slices.Index(items, s))
		}
		if last < 0 {
			p.query.conditions = append(p.query.conditions, e)
		} else {
			p.query.each[last].conditions = append(p.query.each[last].conditions, e)
		}
	}
}

// tables are the tables besides the output that some condition reads, in order of appearance. A table that nothing reads is
// ignored.
func (p *branchPlan) tables() []*source {
	var all []*source
	add := func(e *expression) {
		if t := e.origin().table; t != nil && t != p.output && !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	for _, q := range p.branch.equalities {
		add(q.sides[0])
		add(q.sides[1])
	}
	for _, e := range p.branch.conditions {
		add(e)
	}
	return all
}

// planLookups puts the tables in an order in which each can be looked up by what is known before it: first those with the
// most ties to the request and to earlier ones. A table without ties is looked up whole.
func (p *branchPlan) planLookups() {
	for rest := p.tables(); len(rest) > 0; {
		best := slices.MaxFunc(rest, func(a, b *source) int {
			return cmp.Or(p.ties(a)-p.ties(b), slices.Index(rest, b)-slices.Index(rest, a))
		})
		p.lookup(best)
		rest = slices.DeleteFunc(rest, func(t *source) bool { return t == best })
	}
}

func (p *branchPlan) ties(t *source) int {
	n := 0
	for _, q := range p.branch.equalities {
		if _, other, ok := q.of(t); ok && p.isKnown(other) {
			n++
		}
	}
	return n
}

// of splits an equality into the side of t and the other one.
func (q equality) of(t *source) (own, other *expression, ok bool) {
	for i, side := range q.sides {
		if side.origin().table == t {
			return side, q.sides[1-i], true
		}
	}
	return nil, nil, false
}

// isKnown says whether a request knows the value by now.
func (p *branchPlan) isKnown(e *expression) bool {
	t := e.origin().table
	if t == nil {
		return true
	}
	_, done := p.steps[t]
	return done
}

// value is the place of a known value in a request's tuples.
func (p *branchPlan) value(e *expression) slot {
	text := e.text(p.canonical.name)
	t := e.origin().table
	if t == nil {
		if at, ok := p.computed[text]; ok {
			return computedSlot(at)
		}
		p.computed[text] = len(p.query.computed)
		return p.query.compute(e)
	}
	step := p.steps[t]
	for i, o := range p.outputs[step] {
		if o.text(p.canonical.name) == text {
			return slot{step, i}
		}
	}
	p.outputs[step] = append(p.outputs[step], e)
	return slot{step, len(p.outputs[step]) - 1}
}

// lookup plans the rows of t that hold the key values the request knows. What is read of them is known only in the end.
func (p *branchPlan) lookup(t *source) {
	v := &rowVariant{}
	for _, e := range p.branch.conditions {
		if e.origin().table == t {
			v.filters = append(v.filters, e)
		}
	}
	step := lookupStep{query: &rowQuery{kind: rowLookup, label: p.query.label, from: t.table, variants: []*rowVariant{v}}}
	for _, q := range p.branch.equalities {
		if own, other, ok := q.of(t); ok && p.isKnown(other) {
			v.keys = append(v.keys, rowKey{values: []*expression{own}})
			step.keys = append(step.keys, p.value(other))
		}
	}
	p.steps[t] = len(p.query.lookups)
	p.outputs = append(p.outputs, nil)
	p.query.lookups = append(p.query.lookups, step)
}

// rowSide plans the output table's rows: the sorted keys make equal requests share their buckets.
func (p *branchPlan) rowSide() *rowVariant {
	v := &rowVariant{}
	for _, e := range p.branch.conditions {
		if o := e.origin(); o.table == p.output || o.constant() {
			v.filters = append(v.filters, e)
		}
	}
	type key struct {
		request, row string
		at           slot
		key          rowKey
	}
	var keys []key
	for _, q := range p.branch.equalities {
		own, other, ok := q.of(p.output)
		if !ok {
			continue
		}
		at := p.value(other)
		k := rowKey{values: []*expression{own}, keepNull: q.subquery && p.alpha()}
		keys = append(keys, key{fmt.Sprint(at.lookup, other.text(p.canonical.name)), own.text(p.canonical.name), at, k})
	}
	slices.SortStableFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(a.request, b.request), cmp.Compare(a.row, b.row)) })
	for _, k := range keys {
		v.keys = append(v.keys, k.key)
		p.query.params = append(p.query.params, k.at)
	}
	v.collect()
	return v
}

// finish completes the lookups and numbers lookups and buckets: equal ones have the same number.
func (p *branchPlan) finish() {
	for i := range p.query.lookups {
		step := &p.query.lookups[i]
		v := step.query.variants[0]
		v.outputs = p.outputs[i]
		v.collect()
		step.outputs = len(v.outputs)
		text := step.query.text()
		number, known := p.lookups[text]
		if !known {
			number = p.nextLookup(p.plan)
			p.lookups[text] = number
			p.plan.rows = append(p.plan.rows, step.query)
		}
		step.lookup, v.lookup = number, number
	}
	text := p.query.text()
	number, known := p.buckets[text]
	if !known {
		number = len(p.buckets)
		p.buckets[text] = number
		p.plan.requests = append(p.plan.requests, p.query)
	}
	p.query.prefix = fmt.Sprintf("%s|%d", p.raw.name, number)
}
