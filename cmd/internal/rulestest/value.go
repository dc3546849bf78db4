package rulestest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/weirsync/weir/syncrules/value"
)

// json turns YAML into JSON. Integers and decimals keep apart: 1 and 1.0.
func (d *document) json(n ast.Node) json.RawMessage {
	switch n := n.(type) {
	case *ast.SequenceNode:
		items := make([][]byte, len(n.Values))
		for i, item := range n.Values {
			items[i] = d.json(item)
		}
		return json.RawMessage("[" + string(bytes.Join(items, []byte(","))) + "]")
	case *ast.MappingNode, *ast.MappingValueNode:
		var members [][]byte
		for _, e := range d.entries(n, "") {
			members = append(members, member(keyOf(e), d.json(e.Value)))
		}
		return object(members)
	case *ast.BoolNode:
		return json.RawMessage(strconv.FormatBool(n.Value))
	}
	return d.scalar(n)
}

func member(key string, v []byte) []byte { return append(append(quote(key), ':'), v...) }

func object(members [][]byte) json.RawMessage {
	return json.RawMessage("{" + string(bytes.Join(members, []byte(","))) + "}")
}

func quote(s string) []byte { return value.AppendQuoted(nil, []byte(s)) }

// scalar is a text, a number or null.
func (d *document) scalar(n ast.Node) json.RawMessage {
	switch n := n.(type) {
	case *ast.NullNode:
		return json.RawMessage("null")
	case *ast.StringNode:
		return quote(n.Value)
	case *ast.LiteralNode:
		return quote(n.Value.Value)
	case *ast.IntegerNode:
		if v, ok := n.Value.(uint64); !ok || v <= math.MaxInt64 {
			return json.RawMessage(fmt.Sprint(n.Value))
		}
		d.fault(n, "this does not fit into 64 bits", "")
		return json.RawMessage("0")
	case *ast.FloatNode:
		text := strconv.FormatFloat(n.Value, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return json.RawMessage(text)
	}
	d.fault(n, "a text, a number, true, false or null is expected here", "aliases and tags are not followed")
	return json.RawMessage("null")
}

// object reads claims or parameters; nil if they are missing.
func (d *document) object(n ast.Node, what string) json.RawMessage {
	switch n.(type) {
	case nil:
		return nil
	case *ast.MappingNode, *ast.MappingValueNode, *ast.NullNode:
		return d.json(n)
	}
	d.fault(n, what+" has to be a mapping", "")
	return nil
}

// column is the value of a source row's column, in the form of package evalcase.
func (d *document) column(n ast.Node) json.RawMessage {
	switch n := n.(type) {
	case *ast.BoolNode: // as a Postgres boolean comes
		return boolean(n)
	case *ast.MappingNode, *ast.MappingValueNode:
		return d.wrapped(n)
	case *ast.SequenceNode:
		d.fault(n, "a column holds no list", `write a Postgres array as {pg: "text[]", text: "{a,b}"}, and JSON as text: '["a"]'`)
		return json.RawMessage("null")
	}
	return d.scalar(n)
}

func boolean(n *ast.BoolNode) json.RawMessage {
	if n.Value {
		return json.RawMessage("1")
	}
	return json.RawMessage("0")
}

// wrapped reads {pg: type, text: value} and {blob: hex}.
func (d *document) wrapped(n ast.Node) json.RawMessage {
	keys := d.fields(n, "a column", "pg", "text", "blob")
	if blob := keys["blob"]; blob != nil && len(keys) == 1 {
		digits := d.string(blob, "blob")
		if _, err := hex.DecodeString(digits); err != nil {
			d.fault(blob, "a blob is written as hexadecimal digits", "")
		}
		return object([][]byte{member("$blob", quote(digits))})
	}
	if keys["pg"] == nil || keys["text"] == nil || keys["blob"] != nil {
		d.fault(n, "a column is a plain value, {pg: type, text: value} or {blob: digits}", "write JSON as text")
		return json.RawMessage("null")
	}
	typ := member("type", quote(d.string(keys["pg"], "pg")))
	text := []byte("null")
	if _, null := keys["text"].(*ast.NullNode); !null {
		text = quote(d.string(keys["text"], "text"))
	}
	return object([][]byte{member("$pg", object([][]byte{typ, member("text", text)}))})
}

// sourceRow reads a row of a source table.
func (d *document) sourceRow(n ast.Node) json.RawMessage {
	var members [][]byte
	seen := map[string]bool{}
	for _, e := range d.entries(n, "a row") {
		if seen[keyOf(e)] {
			d.fault(e.Key, fmt.Sprintf("column %q is there twice", keyOf(e)), "")
		}
		seen[keyOf(e)] = true
		members = append(members, member(keyOf(e), d.column(e.Value)))
	}
	return object(members)
}
