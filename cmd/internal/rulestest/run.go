package rulestest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/weirsync/weir/syncrules"
	"github.com/weirsync/weir/syncrules/evalcase"
)

// Run runs the tests of the file called name, whose text is given. A rules file that it names is read, relative to its folder.
func Run(name string, text []byte) *Report {
	r := &Report{Name: name}
	d := newDocument(text)
	s := readSuite(d)
	if len(d.faults) > 0 {
		r.Faults = d.sorted().Render(name, text)
		return r
	}
	rulesName, rulesText, err := s.load(name)
	if err != nil {
		r.Faults = fmt.Sprintf("%s: %v\n", name, err)
		return r
	}
	if program, found := syncrules.Compile(rulesText, syncrules.CompileOptions{DefaultSchema: s.c.DefaultSchema}); program == nil {
		r.Faults = s.render(d, name, rulesName, rulesText, found)
		return r
	}
	for _, t := range s.tests {
		s.c.Requests = append(s.c.Requests, t.request)
	}
	result, err := evalcase.Run(&s.c)
	if err != nil {
		r.Faults = fmt.Sprintf("%s: %v\n", name, err)
		return r
	}
	r.Notes = s.notes(name, result.Rows)
	for i, t := range s.tests {
		r.Results = append(r.Results, t.check(result.Requests[i]))
	}
	return r
}

// load returns the rules and the name to show their faults under.
func (s *suite) load(name string) (string, []byte, error) {
	if s.inline != nil {
		return name, []byte(s.c.Config), nil
	}
	path := s.rules
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(name), path)
	}
	rules, err := os.ReadFile(path)
	if err != nil {
		return path, nil, fmt.Errorf("read rules: %w", err)
	}
	s.c.Config = string(rules)
	return path, rules, nil
}

// render shows faults of the rules where they stand: in a file of their own, or as a block of the test file.
func (s *suite) render(d *document, name, rulesName string, text []byte, found syncrules.Diagnostics) string {
	found = slices.DeleteFunc(found, func(x syncrules.Diagnostic) bool { return x.Severity != syncrules.Fatal })
	block, ok := s.inline.(*ast.LiteralNode)
	if !ok {
		return found.Render(rulesName, text)
	}
	first := block.GetToken().Position.Line + 1
	line := d.line(first)
	indent := len(line) - len(strings.TrimLeft(line, " "))
	move := func(p *syncrules.Position) {
		p.Line += first - 1
		p.Column += indent
		if p.Line < len(d.lines) {
			p.Offset = d.lines[p.Line]
		}
	}
	for i := range found {
		move(&found[i].Start)
		move(&found[i].End)
	}
	return found.Render(name, d.text)
}

func (d *document) line(n int) string {
	if n >= len(d.lines) {
		return ""
	}
	line, _, _ := bytes.Cut(d.text[d.lines[n]:], []byte("\n"))
	return string(line)
}

// notes tell of rows that a query left out because evaluating it failed.
func (s *suite) notes(name string, rows []evalcase.RowResult) []string {
	var out []string
	for i, r := range rows {
		for _, e := range r.Errors {
			out = append(out, fmt.Sprintf("%s:%d: this row of %s is left out: %s", name, s.places[i].line, s.places[i].table, e))
		}
	}
	return out
}

// check compares what a request gave with what is expected.
func (t test) check(got evalcase.RequestResult) Result {
	r := Result{Name: t.name, Line: t.line}
	var failures []string
	if got.Thrown != "" {
		failures = append(failures, "the whole request fails: "+got.Thrown)
	}
	for _, e := range got.Errors {
		failures = append(failures, fmt.Sprintf("stream %s fails: %s", e.Definition, e.Message))
	}
	switch {
	case t.fails && len(failures) == 0:
		r.Differences = append(r.Differences, "the request was to fail and does not")
	case !t.fails:
		r.Differences = append(r.Differences, failures...)
	}
	var rows []row
	for _, synced := range got.Synced {
		row, err := gotRow(synced)
		if err != nil {
			r.Differences = append(r.Differences, err.Error())
			continue
		}
		rows = append(rows, row)
	}
	r.Differences = append(r.Differences, compare(t.expect, rows)...)
	return r
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
