package rulestest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/weirsync/weir/syncrules/evalcase"
	"github.com/weirsync/weir/syncrules/value"
)

// row is a row of a client's table. Its values are compared by their JSON text, in which REALs are normalised.
type row struct {
	table   string
	id      string
	columns map[string]string
	any     bool // only the id is compared
}

// expectedRow reads a row of expect: a mapping, or only its id.
func (d *document) expectedRow(table string, n ast.Node) row {
	out := row{table: table, columns: map[string]string{}}
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
	default:
		out.any, out.id = true, idOf(normal(d.scalar(n)))
		return out
	}
	for _, e := range d.entries(n, "a row") {
		if b, ok := e.Value.(*ast.BoolNode); ok {
			out.columns[keyOf(e)] = string(boolean(b))
			continue
		}
		if _, known := out.columns[keyOf(e)]; known {
			d.fault(e.Key, fmt.Sprintf("column %q is there twice", keyOf(e)), "")
		}
		out.columns[keyOf(e)] = normal(d.scalar(e.Value))
	}
	out.id = idOf(out.columns["id"])
	return out
}

// normal writes equal values alike, and INTEGER and REAL apart.
func normal(raw json.RawMessage) string {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return string(raw)
	}
	switch v := v.(type) {
	case string:
		return string(quote(v))
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(string(v), ".eE") {
			return string(value.Float(f).AppendJSON(nil))
		}
		return string(v)
	}
	return string(raw)
}

// idOf is the object id that a value gives.
func idOf(text string) string {
	switch {
	case text == "" || text == "null":
		return ""
	case text[0] == '"':
		var s string
		_ = json.Unmarshal([]byte(text), &s) // quote wrote it
		return s
	case strings.ContainsAny(text, ".eE"):
		f, _ := strconv.ParseFloat(text, 64)
		return string(value.Float(f).AppendText(nil))
	}
	return text
}

func gotRow(r evalcase.SyncedRow) (row, error) {
	out := row{table: r.Table, id: r.ID, columns: map[string]string{}}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(r.Data, &fields); err != nil {
		return out, fmt.Errorf("read row of %s: %w", r.Table, err)
	}
	for name, raw := range fields {
		out.columns[name] = normal(raw)
	}
	return out, nil
}

// matches says whether got is the expected row.
func (r row) matches(got row) bool {
	return r.table == got.table && r.id == got.id && (r.any || len(r.differences(got)) == 0)
}

// differences are the columns in which got differs from r.
func (r row) differences(got row) []string {
	var out []string
	names := map[string]bool{}
	for name := range r.columns {
		names[name] = true
	}
	for name := range got.columns {
		names[name] = true
	}
	for _, name := range sortedKeys(names) {
		want, expected := r.columns[name]
		have, there := got.columns[name]
		switch {
		case !there:
			out = append(out, fmt.Sprintf("%s: want %s, it is not there", name, want))
		case !expected:
			out = append(out, fmt.Sprintf("%s: %s is not expected", name, have))
		case want != have:
			out = append(out, fmt.Sprintf("%s: want %s, got %s", name, want, have))
		}
	}
	return out
}

// String shows the row as {id: "l1", name: "Home"}.
func (r row) String() string {
	if r.any {
		return "id " + string(quote(r.id))
	}
	var parts []string
	for _, name := range sortedKeys(r.columns) {
		parts = append(parts, name+": "+r.columns[name])
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// compare lists what is missing (-), what is too much (+), and rows that are there with other values (~).
func compare(want, got []row) []string {
	rest := slices.Clone(got)
	var open []row
	for _, w := range want {
		if at := slices.IndexFunc(rest, w.matches); at >= 0 {
			rest = slices.Delete(rest, at, at+1)
		} else {
			open = append(open, w)
		}
	}
	type line struct{ table, id, text string }
	var lines []line
	for _, w := range open {
		at := slices.IndexFunc(rest, func(g row) bool { return !w.any && g.table == w.table && g.id == w.id })
		if at < 0 {
			lines = append(lines, line{w.table, w.id, fmt.Sprintf("- %s %s", w.table, w)})
			continue
		}
		text := []string{fmt.Sprintf("~ %s id %s", w.table, quote(w.id))}
		text = append(text, w.differences(rest[at])...)
		lines = append(lines, line{w.table, w.id, strings.Join(text, "\n    ")})
		rest = slices.Delete(rest, at, at+1)
	}
	for _, g := range rest {
		lines = append(lines, line{g.table, g.id, fmt.Sprintf("+ %s %s", g.table, g)})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.id, b.id)) })
	var out []string
	for _, l := range lines {
		out = append(out, l.text)
	}
	return out
}
