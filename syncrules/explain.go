package syncrules

import (
	"fmt"
	"strings"
)

// Explanation says what a definition does, in terms of its plan and programs.
type Explanation struct {
	Name        string        `json:"name"`
	Kind        string        `json:"kind"`
	Priority    int           `json:"priority"`
	Default     bool          `json:"default"` // every client has it
	Fingerprint string        `json:"fingerprint"`
	Reads       []string      `json:"reads"`
	Requests    []RequestPlan `json:"requests"`
	Rows        []RowPlan     `json:"rows"`
}

// RequestPlan says how a request finds buckets.
type RequestPlan struct {
	Bucket     string       `json:"bucket"` // an example of its name
	Parameters []string     `json:"parameters,omitempty"`
	Conditions []string     `json:"conditions,omitempty"`
	Each       []string     `json:"each,omitempty"` // arrays whose elements multiply the buckets
	Lookups    []LookupPlan `json:"lookups,omitempty"`
}

// LookupPlan is an index lookup: rows of a table by key.
type LookupPlan struct {
	Number int      `json:"number"`
	Table  string   `json:"table"`
	Keys   []string `json:"keys"`   // column = value
	Values []string `json:"values"` // what is read
}

// RowPlan says what becomes of a table's rows.
type RowPlan struct {
	Query    string        `json:"query"`
	Table    string        `json:"table"`
	Into     string        `json:"into"` // output table, lookup or event
	Columns  []string      `json:"columns,omitempty"`
	Variants []VariantPlan `json:"variants"`
}

// IntoSameName is what RowPlan.Into says of rows whose table at the client is called as the source's.
const IntoSameName = "a table of the same name"

// VariantPlan is one way into buckets or a lookup.
type VariantPlan struct {
	Filters []string `json:"filters,omitempty"`
	Each    []string `json:"each,omitempty"`
	Keys    []string `json:"keys,omitempty"`
	Bucket  string   `json:"bucket,omitempty"`
}

// Explain describes the compiled definition.
func (d *Definition) Explain() Explanation {
	e := Explanation{
		Name: d.Name, Kind: d.Kind.String(), Priority: d.Priority, Default: d.AutoSub, Fingerprint: fmt.Sprintf("%x", d.Fingerprint[:8]),
	}
	for _, t := range d.Tables() {
		e.Reads = append(e.Reads, t.String())
	}
	for _, q := range d.compiled.requests {
		e.Requests = append(e.Requests, d.explainRequest(q))
	}
	for _, q := range d.compiled.rows {
		e.Rows = append(e.Rows, d.explainRow(q))
	}
	return e
}

func (l *layout) describeAll(scalars []*scalar) []string {
	var out []string
	for _, s := range scalars {
		out = append(out, l.describe(s))
	}
	return out
}

func (d *Definition) explainRequest(q *compiledRequest) RequestPlan {
	l := d.compiled.request
	p := RequestPlan{Conditions: l.describeAll(q.conditions)}
	for _, s := range q.each {
		p.Each = append(p.Each, l.describeEach(s))
		p.Conditions = append(p.Conditions, l.describeAll(s.conditions)...)
	}
	for _, step := range q.lookups {
		p.Lookups = append(p.Lookups, d.explainLookup(q, step))
	}
	for _, s := range q.params {
		p.Parameters = append(p.Parameters, d.describeSlot(q, s))
	}
	p.Bucket = example(q.prefix, p.Parameters)
	return p
}

func (l *layout) describeEach(s *compiledEach) string {
	return fmt.Sprintf("%s in %s(%s)", l.variables[s.value].name, s.mode, l.describe(s.input))
}

func example(prefix string, values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = "<" + v + ">"
	}
	return prefix + "[" + strings.Join(quoted, ",") + "]"
}

// describeSlot shows a value of a request's tuples.
func (d *Definition) describeSlot(q *compiledRequest, s slot) string {
	if s.lookup < 0 {
		return d.compiled.request.describe(q.computed[s.at])
	}
	step := q.lookups[s.lookup]
	return fmt.Sprintf("lookup %d: %s", step.lookup, d.lookupRow(step).describeOutput(d.compiled.row, s.at))
}

// lookupRow is the row query that feeds a lookup.
func (d *Definition) lookupRow(step lookupStep) *compiledRow {
	for _, q := range d.compiled.rows {
		if q.kind == rowLookup && q.rowQuery.variants[0].lookup == step.lookup {
			return q
		}
	}
	return nil
}

func (c *compiledRow) describeOutput(l *layout, at int) string {
	return l.describe(c.variants[0].outputs[at])
}

func (d *Definition) explainLookup(q *compiledRequest, step lookupStep) LookupPlan {
	row := d.lookupRow(step)
	p := LookupPlan{Number: step.lookup, Table: row.from.String(), Values: d.compiled.row.describeAll(row.variants[0].outputs)}
	for i, s := range step.keys {
		p.Keys = append(p.Keys, d.compiled.row.describe(row.variants[0].keys[i][0])+" = "+d.describeSlot(q, s))
	}
	return p
}

func (d *Definition) explainRow(q *compiledRow) RowPlan {
	l := d.compiled.row
	p := RowPlan{Query: q.label, Table: q.from.String(), Into: q.table}
	switch {
	case q.kind == rowEvent:
		p.Into = "event " + d.Name
	case q.kind == rowLookup:
		p.Into = fmt.Sprintf("lookup %d", q.rowQuery.variants[0].lookup)
	case p.Into == "":
		p.Into = IntoSameName
	}
	for i, s := range q.columns {
		if s == nil {
			p.Columns = append(p.Columns, "*")
		} else {
			p.Columns = append(p.Columns, l.describe(s)+" AS "+q.rowQuery.columns[i].name)
		}
	}
	for _, v := range q.variants {
		p.Variants = append(p.Variants, d.explainVariant(q, v))
	}
	return p
}

func (d *Definition) explainVariant(q *compiledRow, v *compiledVariant) VariantPlan {
	l := d.compiled.row
	p := VariantPlan{Filters: l.describeAll(append(append([]*scalar{}, v.filters...), v.inner...))}
	for _, s := range v.expand {
		p.Each = append(p.Each, l.describeEach(s))
	}
	for _, k := range v.keys {
		p.Keys = append(p.Keys, strings.Join(l.describeAll(k), " = "))
	}
	if q.kind == rowData {
		p.Bucket = example(v.prefix, p.Keys)
	}
	return p
}

// String shows the explanation for people.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, priority %d, fingerprint %s\n", e.Kind, e.Name, e.Priority, e.Fingerprint)
	line := func(indent int, label string, values ...string) {
		if len(values) > 0 {
			fmt.Fprintf(&b, "%s%-11s %s\n", strings.Repeat("  ", indent), label, strings.Join(values, "\n"+strings.Repeat("  ", indent)+strings.Repeat(" ", 12)))
		}
	}
	line(1, "reads", e.Reads...)
	for _, q := range e.Requests {
		line(1, "bucket", q.Bucket)
		line(2, "if", q.Conditions...)
		line(2, "for each", q.Each...)
		for _, l := range q.Lookups {
			line(2, fmt.Sprintf("lookup %d", l.Number), l.Table+" where "+strings.Join(l.Keys, " and "))
			line(3, "gives", l.Values...)
		}
	}
	for _, q := range e.Rows {
		line(1, "rows of", fmt.Sprintf("%s into %s (%s)", q.Table, q.Into, q.Query))
		line(2, "columns", q.Columns...)
		for _, v := range q.Variants {
			if v.Bucket != "" {
				line(2, "bucket", v.Bucket)
			}
			line(3, "if", v.Filters...)
			line(3, "for each", v.Each...)
			if v.Bucket == "" {
				line(3, "by", v.Keys...)
			}
		}
	}
	return b.String()
}
