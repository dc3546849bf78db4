package syncrules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirsync/weir/syncrules/value"
)

// Preview says what a request gets from a definition, as far as that can be known without its data.
type Preview struct {
	Definition string   `json:"definition"`
	Subscribed bool     `json:"subscribed"`        // else the rest is empty
	Buckets    []string `json:"buckets,omitempty"` // that the request gets whatever the data are
	Lookups    []string `json:"lookups,omitempty"` // names with gaps, and the rows that fill them
	Errors     []string `json:"errors,omitempty"`
}

// Preview says for each definition but events what req gets from it. An error means that the whole request fails.
func (p *Program) Preview(req *Request) ([]Preview, error) {
	r, err := p.NewResolver(req)
	if err != nil {
		return nil, err
	}
	var out []Preview
	for _, d := range p.definitions {
		if d.Kind == Event {
			continue
		}
		next := Preview{Definition: d.Name}
		for _, s := range r.streams {
			if s.Name != d.Name {
				continue
			}
			next.Subscribed = true
			for _, e := range s.Errors {
				next.Errors = append(next.Errors, e.Message)
			}
		}
		for _, in := range r.instances {
			if in.definition == d {
				in.preview(&next)
			}
		}
		out = append(out, next)
	}
	return out, nil
}

// preview appends what the instance gets, each once.
func (in *instance) preview(out *Preview) {
	add := func(list *[]string, text string) {
		if !slices.Contains(*list, text) {
			*list = append(*list, text)
		}
	}
	for _, q := range in.queries {
		for _, t := range q.tuples {
			name, ok := in.nameOf(q, t)
			rows, found := in.definition.lookupsOf(q, t)
			if !ok || !found {
				continue
			}
			if len(rows) == 0 {
				add(&out.Buckets, name)
			} else {
				add(&out.Lookups, name+" for each row of "+strings.Join(rows, " and row of "))
			}
		}
	}
}

// nameOf is the bucket's name with gaps for what lookups find; false: a parameter is NULL, so there is none.
func (in *instance) nameOf(q *preparedQuery, t tuple) (string, bool) {
	parts := make([]string, len(q.params))
	for i, s := range q.params {
		if s.lookup >= 0 {
			parts[i] = "<" + in.definition.rowOutput(q, s) + ">"
			continue
		}
		v := t.value(s)
		if !q.keepNull && !v.Matchable() {
			return "", false
		}
		parts[i] = string(v.AppendKey(nil))
	}
	return q.prefix + "[" + strings.Join(parts, ",") + "]", true
}

// lookupsOf describes the rows that each lookup finds; false: a key is NULL, so there are none.
func (d *Definition) lookupsOf(q *preparedQuery, t tuple) ([]string, bool) {
	var out []string
	for _, step := range q.lookups {
		row := d.lookupRow(step)
		var conditions []string
		for i, s := range step.keys {
			known := ""
			if s.lookup >= 0 {
				known = d.rowOutput(q, s)
			} else if v := t.value(s); v.Matchable() {
				known = literal(v)
			} else {
				return nil, false
			}
			conditions = append(conditions, d.compiled.row.describe(row.variants[0].keys[i][0])+" = "+known)
		}
		text := row.from.String()
		if len(conditions) > 0 {
			text += " where " + strings.Join(conditions, " and ")
		}
		if len(row.variants) > 1 {
			text += fmt.Sprintf(" (or %d more ways)", len(row.variants)-1)
		}
		out = append(out, text)
	}
	return out, true
}

// rowOutput names what a lookup gives: table.column.
func (d *Definition) rowOutput(q *preparedQuery, s slot) string {
	row := d.lookupRow(q.lookups[s.lookup])
	return row.from.Name + "." + row.describeOutput(d.compiled.row, s.at)
}

// literal shows a value as SQL would have it.
func literal(v value.Value) string {
	if v.Kind() == value.Text {
		return "'" + strings.ReplaceAll(string(v.Bytes()), "'", "''") + "'"
	}
	return string(v.AppendJSON(nil))
}

// String shows the preview for people.
func (p Preview) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "    "+format+"\n", args...) }
	fmt.Fprintf(&b, "  %s\n", p.Definition)
	for _, name := range p.Buckets {
		line("%s", name)
	}
	for _, text := range p.Lookups {
		line("%s", text)
	}
	for _, text := range p.Errors {
		line("error: %s", text)
	}
	switch {
	case !p.Subscribed:
		line("nothing: not subscribed")
	case len(p.Buckets)+len(p.Lookups)+len(p.Errors) == 0:
		line("nothing")
	}
	return b.String()
}
