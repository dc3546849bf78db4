package syncrules

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// canonical writes plans as text in which equal meaning is equal text: tables by what they are, not by their aliases,
// json_each by its place in the query. Fingerprints and sharing of buckets and lookups rest on it.
type canonical struct {
	strings.Builder
	each map[*source]int
}

func newCanonical() *canonical { return &canonical{each: map[*source]int{}} }

func (c *canonical) name(e *expression) string {
	switch e.op {
	case opElement:
		at, seen := c.each[e.from]
		if !seen {
			at = len(c.each)
			c.each[e.from] = at
		}
		return fmt.Sprintf("each%d.%s", at, e.name)
	case opColumn:
		return fmt.Sprintf("row[%q]", e.name)
	case opFact:
		return "row." + e.name
	}
	return "request." + e.name
}

func (c *canonical) expr(e *expression) { e.write(&c.Builder, c.name) }

func (c *canonical) exprs(label string, list []*expression) {
	for _, e := range list {
		c.WriteString(label)
		c.expr(e)
		c.WriteByte('\n')
	}
}

func (c *canonical) source(s *source) {
	fmt.Fprintf(&c.Builder, "%s %s ", c.name(&expression{op: opElement, from: s}), s.mode)
	c.expr(s.each)
	c.WriteByte('\n')
}

func (c *canonical) row(q *rowQuery) {
	fmt.Fprintf(&c.Builder, "row %d from %+v into %q last=%v\n", q.kind, q.from, q.table, q.starLast)
	for _, col := range q.columns {
		if col.star {
			c.WriteString("column *\n")
			continue
		}
		fmt.Fprintf(&c.Builder, "column %q ", col.name)
		c.expr(col.expr)
		c.WriteByte('\n')
	}
	for _, v := range q.variants {
		fmt.Fprintf(&c.Builder, "variant %q %d\n", v.prefix, v.lookup)
		c.variant(v)
	}
}

func (c *canonical) variant(v *rowVariant) {
	for _, s := range v.expand {
		c.source(s)
	}
	c.exprs("filter ", v.filters)
	for _, k := range v.keys {
		fmt.Fprintf(&c.Builder, "key %v\n", k.keepNull)
		c.exprs("  value ", k.values)
	}
	c.exprs("output ", v.outputs)
}

func (c *canonical) request(q *requestQuery) {
	fmt.Fprintf(&c.Builder, "request %q null=%v", q.prefix, q.keepNull)
	if q.priority != nil {
		fmt.Fprintf(&c.Builder, " priority=%d", *q.priority)
	}
	c.WriteByte('\n')
	c.exprs("condition ", q.conditions)
	for _, s := range q.each {
		c.source(s.source)
		c.exprs("  condition ", s.conditions)
	}
	c.exprs("computed ", q.computed)
	for _, l := range q.lookups {
		fmt.Fprintf(&c.Builder, "lookup %d %v %d\n", l.lookup, l.keys, l.outputs)
	}
	fmt.Fprintf(&c.Builder, "params %v\n", q.params)
}

// text is the canonical text of a request query or of a row query of a lookup, by itself.
func (q *requestQuery) text() string {
	c := newCanonical()
	c.request(q)
	return c.String()
}

func (q *rowQuery) text() string {
	c := newCanonical()
	c.row(q)
	return c.String()
}

// fingerprint hashes what a definition means.
func fingerprint(d *Definition) Fingerprint {
	var b strings.Builder
	fmt.Fprintf(&b, "definition %q %d priority %d\n", d.Name, d.Kind, d.Priority)
	o := d.options
	fmt.Fprintf(&b, "options %v %v %q\n", o.TimestampsISO8601, o.CustomPostgresTypes, o.MaxPrecision)
	for _, q := range d.plan.rows {
		b.WriteString(q.text())
	}
	for _, q := range d.plan.requests {
		b.WriteString(q.text())
	}
	return sha256.Sum256([]byte(b.String()))
}
