package syncrules

// compile turns the plan's expressions into programs.
func (d *Definition) compile() error {
	c := &compiled{row: newLayout(), request: newLayout()}
	p := planCompiler{}
	for _, q := range d.plan.rows {
		c.rows = append(c.rows, p.row(c.row, q))
	}
	for _, q := range d.plan.requests {
		c.requests = append(c.requests, p.request(c.request, q))
	}
	d.compiled = c
	return p.err
}

// planCompiler keeps the first error.
type planCompiler struct{ err error }

func (p *planCompiler) scalar(l *layout, e *expression) *scalar {
	s, err := l.scalar(e)
	if err != nil && p.err == nil {
		p.err = err
	}
	return s
}

func (p *planCompiler) scalars(l *layout, list []*expression) []*scalar {
	out := make([]*scalar, len(list))
	for i, e := range list {
		out[i] = p.scalar(l, e)
	}
	return out
}

func (p *planCompiler) each(l *layout, s *source) *compiledEach {
	return &compiledEach{
		source: s, input: p.scalar(l, s.each),
		key:   l.slot(&expression{op: opElement, name: "key", from: s}),
		value: l.slot(&expression{op: opElement, name: "value", from: s}),
	}
}

func (p *planCompiler) row(l *layout, q *rowQuery) *compiledRow {
	c := &compiledRow{rowQuery: q, unique: len(q.variants) == 1}
	for _, col := range q.columns {
		if col.star {
			c.columns = append(c.columns, nil)
		} else {
			c.columns = append(c.columns, p.scalar(l, col.expr))
		}
	}
	for _, v := range q.variants {
		c.variants = append(c.variants, p.variant(l, v))
		c.unique = c.unique && len(v.expand) == 0
	}
	return c
}

func (p *planCompiler) variant(l *layout, v *rowVariant) *compiledVariant {
	c := &compiledVariant{rowVariant: v, outputs: p.scalars(l, v.outputs), fallible: len(v.expand) > 0}
	for _, s := range v.expand {
		c.expand = append(c.expand, p.each(l, s))
	}
	for _, e := range v.filters {
		c.fallible = c.fallible || p.scalar(l, e).kind == scalarProgram
		if s := p.scalar(l, e); len(e.elements(nil)) > 0 {
			c.inner = append(c.inner, s)
		} else {
			c.filters = append(c.filters, s)
		}
	}
	for _, k := range v.keys {
		c.keys = append(c.keys, p.scalars(l, k.values))
		for _, e := range k.values {
			c.fallible = c.fallible || e.fallible()
		}
	}
	return c
}

func (p *planCompiler) request(l *layout, q *requestQuery) *compiledRequest {
	c := &compiledRequest{requestQuery: q, conditions: p.scalars(l, q.conditions), computed: p.scalars(l, q.computed)}
	for _, step := range q.each {
		each := p.each(l, step.source)
		each.conditions = p.scalars(l, step.conditions)
		c.each = append(c.each, each)
	}
	return c
}
