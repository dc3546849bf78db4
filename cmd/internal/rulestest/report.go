package rulestest

import (
	"fmt"
	"strings"
)

// Report is what running a test file gave.
type Report struct {
	Name    string
	Faults  string   // what keeps the file from being run, for people; "": it was
	Notes   []string // rows that the rules leave out because of an error
	Results []Result
}

// Result of one test.
type Result struct {
	Name        string
	Line        int
	Differences []string // empty: it passed
}

// OK says whether the file could be run and every test passed.
func (r *Report) OK() bool {
	for _, result := range r.Results {
		if len(result.Differences) > 0 {
			return false
		}
	}
	return r.Faults == ""
}

// Failed counts the tests that did not pass.
func (r *Report) Failed() int {
	n := 0
	for _, result := range r.Results {
		if len(result.Differences) > 0 {
			n++
		}
	}
	return n
}

// String shows faults, or a line for each test and what is different: - expected but not there, + there but not expected, ~ there
// with other values.
func (r *Report) String() string {
	if r.Faults != "" {
		return r.Faults
	}
	var b strings.Builder
	for _, result := range r.Results {
		if len(result.Differences) == 0 {
			fmt.Fprintf(&b, "ok    %s:%d: %s\n", r.Name, result.Line, result.Name)
			continue
		}
		fmt.Fprintf(&b, "FAIL  %s:%d: %s\n", r.Name, result.Line, result.Name)
		for _, difference := range result.Differences {
			b.WriteString("      " + strings.ReplaceAll(difference, "\n", "\n      ") + "\n")
		}
	}
	for _, note := range r.Notes {
		b.WriteString("note  " + note + "\n")
	}
	return b.String()
}
