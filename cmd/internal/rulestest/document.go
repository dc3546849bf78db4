package rulestest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/weirsync/weir/syncrules"
)

// document reads YAML nodes and collects faults with their places.
type document struct {
	text   []byte
	lines  []int // where each line starts; lines count from 1
	faults syncrules.Diagnostics
}

func newDocument(text []byte) *document {
	d := &document{text: text, lines: []int{0, 0}}
	for i, b := range text {
		if b == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	return d
}

// parse returns the file's one document, nil after a fault.
func (d *document) parse() (body ast.Node) {
	defer func() {
		if recover() != nil { // a fault of the YAML library is no reason to show a stack trace
			d.at(nil, "this YAML cannot be read", "")
			body = nil
		}
	}()
	// The library miscounts lines that end in \r\n.
	file, err := parser.ParseBytes(bytes.ReplaceAll(d.text, []byte("\r\n"), []byte(" \n")), 0, parser.AllowDuplicateMapKey())
	var syntax *yaml.SyntaxError
	switch {
	case errors.As(err, &syntax):
		d.at(syntax.Token, "bad YAML: "+syntax.Message, "")
		return nil
	case err != nil:
		d.at(nil, "bad YAML: "+err.Error(), "")
		return nil
	case len(file.Docs) != 1 || file.Docs[0].Body == nil:
		d.at(nil, "a test file is one YAML document", "")
		return nil
	}
	return file.Docs[0].Body
}

func (d *document) fault(n ast.Node, message, hint string) { d.at(placeOf(n), message, hint) }

// placeOf is where a node starts: the library has mappings start at their first colon.
func placeOf(n ast.Node) *token.Token {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	}
	return n.GetToken()
}

func (d *document) at(t *token.Token, message, hint string) {
	start := syncrules.Position{Line: 1, Column: 1}
	width := 1
	if t != nil && t.Position != nil && t.Position.Line > 0 && t.Position.Line < len(d.lines) {
		start = syncrules.Position{Offset: d.lines[t.Position.Line], Line: t.Position.Line, Column: t.Position.Column}
		if !strings.Contains(t.Value, "\n") {
			width = max(utf8.RuneCountInString(t.Value), 1)
		}
	}
	end := syncrules.Position{Offset: start.Offset, Line: start.Line, Column: start.Column + width}
	d.faults = append(d.faults, syncrules.Diagnostic{Message: message, Hint: hint, Start: start, End: end})
}

// sorted returns the faults in text order.
func (d *document) sorted() syncrules.Diagnostics {
	slices.SortStableFunc(d.faults, func(a, b syncrules.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Start.Line, b.Start.Line), cmp.Compare(a.Start.Column, b.Start.Column))
	})
	return d.faults
}

// entries are the keys and values of a mapping; null is an empty one.
func (d *document) entries(n ast.Node, what string) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	case *ast.NullNode:
		return nil
	}
	d.fault(n, what+" has to be a mapping", "")
	return nil
}

// fields reads a mapping of which all keys are known.
func (d *document) fields(n ast.Node, what string, known ...string) map[string]ast.Node {
	out := map[string]ast.Node{}
	for _, e := range d.entries(n, what) {
		key := keyOf(e)
		switch {
		case !slices.Contains(known, key):
			d.fault(e.Key, fmt.Sprintf("unknown key %q", key), "the keys here are "+strings.Join(known, ", "))
		case out[key] != nil:
			d.fault(e.Key, fmt.Sprintf("key %q is there twice", key), "")
		default:
			out[key] = e.Value
		}
	}
	return out
}

func keyOf(e *ast.MappingValueNode) string { return e.Key.GetToken().Value }

// items are the elements of a list; a missing one (nil) or null is an empty list.
func (d *document) items(n ast.Node, what string) []ast.Node {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.SequenceNode:
		return n.Values
	}
	d.fault(n, what+" has to be a list", "")
	return nil
}

// string reads a text.
func (d *document) string(n ast.Node, what string) string {
	switch n := n.(type) {
	case nil:
		return ""
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	}
	d.fault(n, what+" has to be a text", "put it in quotes")
	return ""
}

func (d *document) bool(n ast.Node, what string, missing bool) bool {
	switch n := n.(type) {
	case nil:
		return missing
	case *ast.BoolNode:
		return n.Value
	}
	d.fault(n, what+" has to be true or false", "")
	return missing
}
