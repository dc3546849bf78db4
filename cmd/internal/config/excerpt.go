package config

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// mask stands for what is not shown.
const mask = "***"

// page holds the file's text for faults. What is shown of a line is what is
// known to be harmless: keys, and values of keys that are not secret. Comments
// and whatever is not understood stay hidden.
type page struct {
	lines  []string
	tokens map[int]token.Tokens // by line, in order
	public map[spot]bool        // tokens that may be shown
}

type spot struct{ line, column int }

func spotOf(t *token.Token) spot { return spot{t.Position.Line, t.Position.Column} }

func newPage(text string) *page {
	p := &page{
		lines:  strings.Split(text, "\n"),
		tokens: make(map[int]token.Tokens),
		public: make(map[spot]bool),
	}
	if len(text) > fileMax {
		return p
	}
	for _, t := range lexer.Tokenize(text) {
		p.tokens[t.Position.Line] = append(p.tokens[t.Position.Line], t)
	}
	return p
}

// show makes a token public.
func (p *page) show(t *token.Token) { p.public[spotOf(t)] = true }

// reveal makes all keys below a node public.
func (p *page) reveal(n ast.Node) {
	if n != nil {
		ast.Walk(keyVisitor{p}, n)
	}
}

type keyVisitor struct{ page *page }

// Visit implements ast.Visitor.
func (v keyVisitor) Visit(n ast.Node) ast.Visitor {
	if m, ok := n.(*ast.MappingValueNode); ok {
		v.page.show(m.Key.GetToken())
	}
	return v
}

// revealKeys makes public what looks like one of the keys of a text that could
// not be parsed.
func (p *page) revealKeys(keys map[string]bool) {
	for _, tokens := range p.tokens {
		for i, t := range tokens {
			if keys[t.Value] && i+1 < len(tokens) && tokens[i+1].Type == token.MappingValueType {
				p.show(t)
			}
		}
	}
}

// structural are the types of tokens that are YAML's own characters.
var structural = []token.Type{
	token.SequenceEntryType, token.MappingKeyType, token.MappingValueType, token.CollectEntryType,
	token.MappingStartType, token.MappingEndType, token.SequenceStartType, token.SequenceEndType,
}

// excerpt returns a line (from 1) as it may be shown, and how many runes are
// before the given column in it.
func (p *page) excerpt(line, column int) (text string, caret int) {
	if line < 1 || line > len(p.lines) {
		return "", 0
	}
	source := []rune(strings.TrimRight(strings.ReplaceAll(p.lines[line-1], "\t", " "), "\r"))
	out := make([]rune, 0, len(source))
	done := 0 // runes of source that are in out
	for _, t := range p.tokens[line] {
		start := t.Position.Column - 1
		if start < done || start > len(source) {
			continue // the lexer took back what it said
		}
		out = append(out, masked(source[done:start])...)
		if t.Position.Column <= column {
			caret = len(out)
		}
		visible := p.visible(t, source[start:])
		out = append(out, visible...)
		done = start + len(visible)
	}
	out = append(out, masked(source[done:])...)
	return string(out), caret
}

// visible returns what may be shown of a token at the beginning of rest. The
// lexer's positions are not relied on: what it says must be there.
func (p *page) visible(t *token.Token, rest []rune) []rune {
	text := t.Value
	if !slices.Contains(structural, t.Type) {
		if !p.public[spotOf(t)] {
			return nil
		}
		text, _, _ = strings.Cut(strings.TrimSpace(t.Origin), "\n") // with its quotes
	}
	if n := len([]rune(text)); n <= len(rest) && string(rest[:n]) == text {
		return rest[:n]
	}
	return nil
}

// masked hides a part of a line, but for the blanks at its ends.
func masked(part []rune) []rune {
	text := string(part)
	inner := strings.TrimSpace(text)
	if inner == "" {
		return part
	}
	before, after, _ := strings.Cut(text, inner)
	return []rune(before + mask + after)
}
