package syncrules

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Severity of a Diagnostic.
type Severity uint8

const (
	// Fatal faults stop a deploy.
	Fatal Severity = iota
	// Warning never stops a deploy.
	Warning
	// Notice points at a comparison that is true for more people than it may seem.
	Notice
)

func (s Severity) String() string { return [...]string{"error", "warning", "notice"}[s] }

// Position is a place in the rules text.
type Position struct {
	Offset int // bytes from the start of the text, 0-based
	Line   int // 1-based
	Column int // 1-based, in runes
}

// Diagnostic is one thing that is wrong or odd in a rules text.
type Diagnostic struct {
	Severity   Severity
	Message    string
	Hint       string // what to write instead, may be empty
	Definition string // name of the definition it is in, may be empty
	Start, End Position
}

// Diagnostics is everything that Compile has to say, in text order.
type Diagnostics []Diagnostic

// Fatal says whether any diagnostic stops a deploy.
func (d Diagnostics) Fatal() bool {
	return slices.ContainsFunc(d, func(x Diagnostic) bool { return x.Severity == Fatal })
}

// Render shows every diagnostic as file:line:column, what is wrong, the line with a caret, and what to write instead.
func (d Diagnostics) Render(file string, text []byte) string {
	var b strings.Builder
	for _, x := range d {
		fmt.Fprintf(&b, "%s:%d:%d: %s: %s\n", file, x.Start.Line, x.Start.Column, x.Severity, x.Message)
		line := lineAt(text, x.Start.Offset)
		fmt.Fprintf(&b, "%5d | %s\n", x.Start.Line, strings.ReplaceAll(line, "\t", " "))
		width := 1
		if x.End.Line == x.Start.Line {
			width = max(x.End.Column-x.Start.Column, 1)
		} else if rest := utf8.RuneCountInString(line) - x.Start.Column + 1; rest > 0 {
			width = rest
		}
		fmt.Fprintf(&b, "      | %s%s\n", strings.Repeat(" ", x.Start.Column-1), strings.Repeat("^", width))
		if x.Hint != "" {
			fmt.Fprintf(&b, "      = %s\n", x.Hint)
		}
	}
	return b.String()
}

func lineAt(text []byte, offset int) string {
	offset = min(offset, len(text))
	start := bytes.LastIndexByte(text[:offset], '\n') + 1
	line, _, _ := bytes.Cut(text[start:], []byte("\n"))
	return strings.TrimRight(string(line), "\r")
}

// reporter collects diagnostics of one text.
type reporter struct {
	text  []byte
	found Diagnostics
}

func (r *reporter) add(s Severity, definition string, start, end int, message, hint string) {
	r.found = append(r.found, Diagnostic{
		Severity: s, Message: message, Hint: hint, Definition: definition, Start: r.position(start), End: r.position(max(start, end)),
	})
}

func (r *reporter) position(offset int) Position {
	offset = max(min(offset, len(r.text)), 0)
	before := r.text[:offset]
	line := bytes.LastIndexByte(before, '\n') + 1
	return Position{Offset: offset, Line: bytes.Count(before, []byte("\n")) + 1, Column: utf8.RuneCount(before[line:]) + 1}
}

// sorted returns the diagnostics in text order, each once.
func (r *reporter) sorted() Diagnostics {
	slices.SortStableFunc(r.found, func(a, b Diagnostic) int { return a.Start.Offset - b.Start.Offset })
	return slices.CompactFunc(r.found, func(a, b Diagnostic) bool { return a == b })
}
