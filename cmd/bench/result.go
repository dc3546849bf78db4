package main

import (
	"fmt"
	"strings"
)

// unit is what a figure is measured in. It decides how many digits are worth showing.
type unit string

const (
	rowsPerSecond unit = "rows/s"
	millis        unit = "ms"
	seconds       unit = "s"
	mebibytes     unit = "MiB"
	kibibytes     unit = "KiB"
	percent       unit = "% CPU"
)

const (
	mib = 1 << 20
	kib = 1 << 10
)

// format returns a figure without its unit.
func (u unit) format(v float64) string {
	switch u {
	case rowsPerSecond:
		return thousands(fmt.Sprintf("%.0f", v))
	case mebibytes, kibibytes, percent:
		return thousands(fmt.Sprintf("%.1f", v))
	default:
		return thousands(fmt.Sprintf("%.2f", v))
	}
}

// thousands puts commas between groups of digits.
func thousands(text string) string {
	whole, fraction, dotted := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dotted {
		whole += "." + fraction
	}
	return whole
}

// The verdicts.
const (
	metVerdict    = "met"
	missedVerdict = "missed"
	failedVerdict = "failed" // it could not be measured
)

// result is a line of the table.
type result struct {
	Scenario string  `json:"scenario"`
	What     string  `json:"what"`
	Unit     unit    `json:"unit"`
	LimitOf  string  `json:"limit_of,omitempty"` // what the limit is the figure of
	Limit    float64 `json:"limit,omitempty"`    // 0: nothing is measured beside it
	Figure   float64 `json:"figure"`
	Ratio    float64 `json:"ratio,omitempty"` // figure / limit
	Target   string  `json:"target,omitempty"`
	Verdict  string  `json:"verdict,omitempty"` // of all targets together
	Note     string  `json:"note,omitempty"`

	targets []target
}

// judge fills in what follows from the figures. A note says that something is not as the targets assume, so there is no verdict.
func (r *result) judge() {
	if r.Limit != 0 {
		r.Ratio = r.Figure / r.Limit
	}
	var texts []string
	met := true
	for _, t := range r.targets {
		texts = append(texts, t.text)
		met = met && t.met(r.Limit, r.Figure)
	}
	r.Target = strings.Join(texts, ", ")
	switch {
	case len(r.targets) == 0 || r.Note != "":
	case met:
		r.Verdict = metVerdict
	default:
		r.Verdict = missedVerdict
	}
}
