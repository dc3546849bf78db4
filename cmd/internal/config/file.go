package config

import (
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// fileMax bounds the file: the YAML library is made for small ones.
const fileMax = 1 << 20

// readFile reads the file into the configuration.
func (l *loader) readFile() {
	l.page = newPage(string(l.in.Text))
	if len(l.in.Text) > fileMax {
		l.faultAt(Place{Name: l.in.File}, "", "is larger than 1MiB", "write the configuration only")
		return
	}
	// Duplicate keys are left to us: the library stops at the first.
	file, err := parser.ParseBytes(l.in.Text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		l.syntax(err)
		return
	}
	if len(file.Docs) > 1 {
		l.faultAt(l.place(file.Docs[1].Body), "", "a second YAML document begins", "write one document")
		return
	}
	if len(file.Docs) == 1 {
		l.page.reveal(file.Docs[0].Body)
		l.readNode(file.Docs[0].Body, l.root(), "")
	}
}

// syntax notes a text that is no YAML. Nothing is known of what its lines
// mean, so nothing of them is shown but our keys.
func (l *loader) syntax(err error) {
	l.noFile = true
	at := Place{Name: l.in.File, Line: 1, Column: 1}
	message := "not YAML"
	var e yaml.Error
	if errors.As(err, &e) && e.GetToken() != nil {
		at.Line, at.Column = e.GetToken().Position.Line, max(1, e.GetToken().Position.Column)
		message += ": " + yamlMessage(e.GetMessage())
	}
	l.page.revealKeys(allKeys(reflect.TypeFor[Config]()))
	l.faultAt(at, "", message, `put "quotes" around texts with any of : # { } [ ] , & * ! | > % @ in them`)
}

// yamlMessage returns the library's message without what it quotes of the text.
func yamlMessage(message string) string {
	before, _, found := strings.Cut(message, `"`)
	if found {
		return strings.TrimSpace(before) + " ..."
	}
	return message
}

func (l *loader) readNode(n ast.Node, v reflect.Value, path string) {
	switch n := n.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return // as if it were not there
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		l.faultAt(l.place(n), path, "has a YAML anchor, alias or tag", "write the value itself")
		return
	}
	l.places[path] = l.place(n)
	switch v.Kind() {
	case reflect.Struct:
		l.readStruct(n, v, path)
	case reflect.Slice:
		l.readList(n, v, path)
	default:
		l.readLeaf(n, v, path)
	}
}

func (l *loader) readStruct(n ast.Node, v reflect.Value, path string) {
	m, ok := n.(ast.MapNode)
	if !ok && path == "" {
		path = "the file"
	}
	if !ok {
		l.faultAt(l.place(n), path, "does not hold keys", "write KEY: VALUE, one a line; keys here are "+keyList(v.Type()))
		return
	}
	seen := make(map[string]bool)
	for it := m.MapRange(); it.Next(); {
		key, ok := it.Key().(ast.ScalarNode)
		if !ok {
			l.faultAt(l.place(it.Key()), path, "has a key that is no plain text", "write "+keyList(v.Type()))
			continue
		}
		name := key.GetToken().Value
		at := l.place(key)
		f, known := field(v, name)
		switch {
		case !known:
			l.faultAt(at, "", "unknown key "+strconv.Quote(child(path, name)), "keys here are "+keyList(v.Type()))
		case seen[name]:
			l.faultAt(at, child(path, name), "is there twice", "write it once")
		default:
			seen[name] = true
			l.readNode(it.Value(), f, child(path, name))
		}
	}
}

func (l *loader) readList(n ast.Node, v reflect.Value, path string) {
	s, ok := n.(*ast.SequenceNode)
	if _, single := scalarText(n); single && isLeaf(reflect.Zero(v.Type().Elem())) {
		l.readNode(n, grow(v), element(path, 0)) // a list of one may be written without dash
		return
	}
	if !ok {
		l.faultAt(l.place(n), path, "is not a list", `write each element on a line of its own, after a dash`)
		return
	}
	for i, e := range s.Values {
		l.readNode(e, grow(v), element(path, i))
	}
}

func (l *loader) readLeaf(n ast.Node, v reflect.Value, path string) {
	raw, ok := scalarText(n)
	if !ok {
		l.faultAt(l.place(n), path, "is not a single value", "write one value")
		return
	}
	if !isSecret(v) || onlyVariable(raw) {
		l.page.show(n.GetToken())
	}
	text, used, err := substitute(raw, l.in.Getenv)
	if err != nil {
		l.faultAt(l.place(n), path, err.Error(), "set it, or write $${ for ${ itself")
		return
	}
	l.hidden[path] = used
	shown := ""
	if !isSecret(v) {
		shown = strconv.Quote(raw) // with ${NAME}, not what it stands for
	}
	l.set(v, path, text, shown, l.place(n))
}

// scalarText returns the text of a single value, whatever YAML takes it for.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case ast.ScalarNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// place returns where a node begins.
func (l *loader) place(n ast.Node) Place {
	at := Place{Name: l.in.File, Line: 1, Column: 1}
	if n == nil || n.GetToken() == nil {
		return at
	}
	first := n.GetToken()
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		first = m.Values[0].Key.GetToken() // its own is the first colon
	}
	at.Line, at.Column = first.Position.Line, max(1, first.Position.Column)
	return at
}

func keyList(t reflect.Type) string { return strings.Join(keysOf(t), ", ") }

// allKeys returns the names of all keys below t.
func allKeys(t reflect.Type) map[string]bool {
	names := make(map[string]bool)
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return
		}
		for i, name := range keysOf(t) {
			names[name] = true
			walk(t.Field(i).Type)
		}
	}
	walk(t)
	return names
}
