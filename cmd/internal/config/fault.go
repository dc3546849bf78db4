package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	Place   Place
	Key     string // as in sources[0].uri; "" if it concerns no key
	Message string
	Hint    string // what to write; "" if the message says it

	line  string // of the file, fit to be shown; "" if the place is no line
	caret int    // runes before it
}

// Place is where a value comes from: a position in the file, a variable or a
// flag. The zero value is a key that nobody set.
type Place struct {
	Name         string // of the file, variable or flag
	Line, Column int    // from 1, columns in runes; 0 outside the file
}

// Faults is all that is wrong, in the order of the file, then of the rest.
type Faults []Fault

// Error shows all faults as an operator wants to see them.
func (f Faults) Error() string {
	var b strings.Builder
	for _, fault := range f {
		fault.render(&b)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// render writes
//
//	weir.yaml:12:3: log.level "loud" is no level
//	  12 |   level: loud
//	     |          ^
//	     = write debug, info, warn or error
func (f *Fault) render(b *strings.Builder) {
	if f.Place.Name != "" {
		b.WriteString(f.Place.Name)
		if f.Place.Line > 0 {
			fmt.Fprintf(b, ":%d:%d", f.Place.Line, f.Place.Column)
		}
		b.WriteString(": ")
	}
	if f.Key != "" {
		b.WriteString(f.Key + " ")
	}
	b.WriteString(f.Message + "\n")
	margin := "    "
	if f.line != "" {
		number := fmt.Sprintf("%4d", f.Place.Line)
		margin = strings.Repeat(" ", len(number))
		fmt.Fprintf(b, "%s | %s\n", number, f.line)
		fmt.Fprintf(b, "%s | %s^\n", margin, strings.Repeat(" ", f.caret))
	}
	if f.Hint != "" {
		fmt.Fprintf(b, "%s = %s\n", margin, f.Hint)
	}
}

// sort puts places in the file first.
func (f Faults) sort() {
	slices.SortStableFunc(f, func(a, b Fault) int {
		if (a.Place.Line > 0) != (b.Place.Line > 0) {
			return cmp.Compare(b.Place.Line, a.Place.Line)
		}
		return cmp.Or(cmp.Compare(a.Place.Line, b.Place.Line), cmp.Compare(a.Place.Column, b.Place.Column))
	})
}
