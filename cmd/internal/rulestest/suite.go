package rulestest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/weirsync/weir/syncrules/evalcase"
)

// suite is a test file.
type suite struct {
	rules  string   // path of the rules file; "" if they stand in the test file
	inline ast.Node // else the text node
	c      evalcase.Case
	places []rowPlace // of c.SourceRows
	tests  []test
}

// rowPlace says where a source row stands.
type rowPlace struct {
	table string
	line  int
}

// test is one user's request and what it has to give.
type test struct {
	name    string
	line    int
	request evalcase.Request
	fails   bool
	expect  []row
}

// readSuite reads the file's form; faults are left in d.
func readSuite(d *document) *suite {
	body := d.parse()
	if body == nil {
		return nil
	}
	s := &suite{}
	keys := d.fields(body, "a test file", "rules", "config", "default_schema", "tables", "tests")
	s.readRules(d, body, keys["rules"], keys["config"])
	s.c.DefaultSchema = d.string(keys["default_schema"], "default_schema")
	if s.c.DefaultSchema == "" {
		s.c.DefaultSchema = "public"
	}
	if keys["tables"] != nil {
		s.readTables(d, keys["tables"])
	}
	for _, n := range d.items(keys["tests"], "tests") {
		s.tests = append(s.tests, s.readTest(d, n))
	}
	if len(s.tests) == 0 && len(d.faults) == 0 {
		d.fault(body, "this file has no tests", "add tests: with a list")
	}
	return s
}

func (s *suite) readRules(d *document, body, path, text ast.Node) {
	switch {
	case (path == nil) == (text == nil):
		d.fault(body, "a test file needs either rules or config", "rules: path of the rules file, or config: | and their text")
	case path != nil:
		s.rules = d.string(path, "rules")
	default:
		s.inline, s.c.Config = text, d.string(text, "config")
	}
}

func (s *suite) readTables(d *document, n ast.Node) {
	for _, e := range d.entries(n, "tables") {
		schema, name, ok := strings.Cut(keyOf(e), ".")
		if !ok {
			schema, name = s.c.DefaultSchema, schema
		}
		for _, item := range d.items(e.Value, "a table") {
			s.c.SourceRows = append(s.c.SourceRows, evalcase.SourceRow{Schema: schema, Table: name, Row: d.sourceRow(item)})
			s.places = append(s.places, rowPlace{keyOf(e), placeOf(item).Position.Line})
		}
	}
}

func (s *suite) readTest(d *document, n ast.Node) test {
	keys := d.fields(n, "a test", "name", "claims", "parameters", "subscriptions", "include_defaults", "fails", "expect")
	t := test{line: placeOf(n).Position.Line, name: d.string(keys["name"], "name"), fails: d.bool(keys["fails"], "fails", false)}
	if t.name == "" {
		d.fault(n, "a test needs a name", "add name: what it shows")
	}
	if keys["expect"] == nil && !t.fails {
		d.fault(n, "a test says what rows to expect", "add expect: {} if there are none, or fails: true")
	}
	t.request = evalcase.Request{JWT: d.object(keys["claims"], "claims"), Parameters: d.object(keys["parameters"], "parameters")}
	if include := d.bool(keys["include_defaults"], "include_defaults", true); !include {
		t.request.IncludeDefaults = &include
	}
	for _, item := range d.items(keys["subscriptions"], "subscriptions") {
		t.request.Subscriptions = append(t.request.Subscriptions, readSubscription(d, item))
	}
	if keys["expect"] != nil {
		t.expect = readExpect(d, keys["expect"])
	}
	return t
}

func readSubscription(d *document, n ast.Node) evalcase.Subscription {
	keys := d.fields(n, "a subscription", "stream", "parameters", "override_priority")
	s := evalcase.Subscription{Stream: d.string(keys["stream"], "stream"), Parameters: d.object(keys["parameters"], "parameters")}
	if s.Stream == "" {
		d.fault(n, "a subscription names its stream", "add stream: name")
	}
	if p := keys["override_priority"]; p != nil {
		var priority int
		if err := json.Unmarshal(d.json(p), &priority); err != nil || priority < 0 || priority > 3 {
			d.fault(p, "a priority is a whole number from 0 to 3", "")
		}
		s.OverridePriority = &priority
	}
	return s
}

// readExpect reads table -> rows.
func readExpect(d *document, n ast.Node) []row {
	var out []row
	for _, e := range d.entries(n, "expect") {
		for _, item := range d.items(e.Value, fmt.Sprintf("expect.%s", keyOf(e))) {
			out = append(out, d.expectedRow(keyOf(e), item))
		}
	}
	return out
}
