package syncrules

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a rules text. The YAML parser recurses, so nesting is bounded before it sees the text.
const (
	maxTextBytes = 1 << 20
	maxNesting   = 64
)

type yamlKind uint8

const (
	yamlNull yamlKind = iota
	yamlMap
	yamlList
	yamlString
	yamlInt
	yamlBool
	yamlOther // floats, aliases, tags: nothing that rules use
)

func (k yamlKind) String() string {
	return [...]string{"nothing", "a mapping", "a list", "text", "a whole number", "true or false", "this"}[k]
}

// yamlNode is the part of YAML that rules use, with places in the text.
type yamlNode struct {
	kind       yamlKind
	start, end int
	text       string // of a string, as decoded
	offsets    []int  // of a string: where each byte of text stands, and where it ends
	number     int
	truth      bool
	list       []*yamlNode
	entries    []yamlEntry
	what       string // of yamlOther
}

type yamlEntry struct {
	key   *yamlNode
	value *yamlNode
}

// parseYAML reads the document, or reports why it cannot.
func parseYAML(r *reporter) *yamlNode {
	if at, message := checkBounds(r.text); message != "" {
		r.add(Fatal, "", at, at+1, message, "")
		return nil
	}
	c := newYAMLConverter(r)
	file, err := parseFile(c.source[c.lines[1]:])
	if err != nil {
		c.addSyntax(err)
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			at := c.offset(doc.Body.GetToken())
			r.add(Fatal, "", at, at+1, "only one YAML document is allowed", "")
			return nil
		}
		body = doc.Body
	}
	if body == nil {
		return &yamlNode{}
	}
	return c.convert(body)
}

// parseFile keeps a fault of the YAML library from taking the server down with it.
func parseFile(text []byte) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("this YAML cannot be read")
		}
	}()
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
}

func (c *yamlConverter) addSyntax(err error) {
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.Token != nil {
		at := c.offset(syntax.Token)
		c.add(Fatal, "", at, at+1, "bad YAML: "+syntax.Message, "")
		return
	}
	c.add(Fatal, "", 0, 0, "bad YAML: "+err.Error(), "")
}

// checkBounds finds the place where the text is too long or nests too deeply, by any reading of its brackets and dashes.
func checkBounds(text []byte) (at int, message string) {
	if len(text) > maxTextBytes {
		return maxTextBytes, fmt.Sprintf("this file is too long (at most %d bytes)", maxTextBytes)
	}
	if at := bytes.IndexByte(text, 0); at >= 0 || !utf8.Valid(text) {
		return max(at, 0), "this file is not UTF-8 text"
	}
	open := 0
	start := 0
	for line := range bytes.Lines(text) {
		indicators := 0
		indent := true
		for i, b := range line {
			switch {
			case b == '[' || b == '{':
				open++
			case b == ']' || b == '}':
				open = max(open-1, 0)
			case b == '-' || b == '?' || b == '!' || b == '&':
				if indent {
					indicators++
				}
			case b == ' ' && i < maxNesting*4:
			case b == ' ' && indent:
				indicators = maxNesting + 1
			default:
				indent = false
			}
			if open > maxNesting || indicators > maxNesting {
				return start + i, "this YAML is nested too deeply"
			}
		}
		start += len(line)
	}
	return 0, ""
}

func lineStarts(text []byte) []int {
	starts := []int{0, 0} // lines count from 1
	for i, b := range text {
		if b == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

type yamlConverter struct {
	*reporter
	source []byte // the text as the library reads it: of the same length
	lines  []int  // where each line starts
}

// newYAMLConverter prepares a text for the library, which miscounts lines that end in \r\n and does not know byte order marks.
func newYAMLConverter(r *reporter) *yamlConverter {
	c := &yamlConverter{reporter: r, source: bytes.ReplaceAll(r.text, []byte("\r\n"), []byte(" \n")), lines: lineStarts(r.text)}
	if bytes.HasPrefix(r.text, []byte("\uFEFF")) {
		c.lines[1] = len("\uFEFF")
	}
	return c
}

// offset is where a token starts in the text. The library's own offsets drift, its lines and columns do not.
func (c *yamlConverter) offset(t *token.Token) int {
	if t == nil || t.Position == nil || t.Position.Line < 1 || t.Position.Line >= len(c.lines) {
		return 0
	}
	at := c.lines[t.Position.Line]
	for range t.Position.Column - 1 {
		_, size := utf8.DecodeRune(c.source[at:])
		at += size
	}
	return at
}

func (c *yamlConverter) convert(n ast.Node) *yamlNode {
	start := c.offset(n.GetToken())
	out := &yamlNode{start: start, end: start + len(n.GetToken().Value)}
	switch n := n.(type) {
	case *ast.NullNode:
		out.end = start
	case *ast.MappingNode:
		c.mapping(out, n.Values)
	case *ast.MappingValueNode:
		c.mapping(out, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out.kind = yamlList
		for _, item := range n.Values {
			out.list = append(out.list, c.convert(item))
			out.end = out.list[len(out.list)-1].end
		}
	case *ast.StringNode:
		c.string(out, n.Value, start, n.Token.Type)
	case *ast.LiteralNode:
		c.string(out, n.Value.Value, start, token.LiteralType)
	case *ast.IntegerNode:
		out.kind, out.number = yamlInt, yamlInteger(n.Value)
	case *ast.BoolNode:
		out.kind, out.truth = yamlBool, n.Value
	case *ast.AnchorNode:
		return c.convert(n.Value)
	case *ast.AliasNode:
		out.kind, out.what = yamlOther, "an alias"
	case *ast.TagNode:
		out.kind, out.what = yamlOther, "a tag"
	default:
		out.kind, out.what = yamlOther, "a "+n.Type().String()
	}
	return out
}

func yamlInteger(v any) int {
	switch n := v.(type) {
	case int64:
		return int(n)
	case uint64:
		return int(min(n, 1<<62))
	}
	return -1
}

func (c *yamlConverter) mapping(out *yamlNode, values []*ast.MappingValueNode) {
	out.kind = yamlMap
	for i, v := range values {
		key := c.convert(v.Key)
		if key.kind != yamlString {
			key.text = v.Key.GetToken().Value
		}
		if i == 0 {
			out.start = key.start
		}
		value := c.convert(v.Value)
		out.entries = append(out.entries, yamlEntry{key, value})
		out.end = max(key.end, value.end)
	}
}

func (c *yamlConverter) string(out *yamlNode, text string, start int, style token.Type) {
	out.kind, out.text = yamlString, text
	out.offsets = alignScalar(c.source, start, text, style)
	out.end = out.offsets[len(text)]
}
