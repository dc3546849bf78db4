package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// column is a column of the table.
type column struct {
	head  string
	right bool
	cell  func(r *result) string
}

var columns = []column{
	{"scenario", false, func(r *result) string { return r.Scenario }},
	{"what", false, func(r *result) string { return r.What }},
	{"limit", true, limitText},
	{"figure", true, figureText},
	{"unit", false, func(r *result) string { return string(r.Unit) }},
	{"ratio", true, func(r *result) string { return ratioText(r.Ratio) }},
	{"target", false, func(r *result) string { return r.Target }},
	{"verdict", false, func(r *result) string { return r.Verdict }},
	{"the limit is", false, func(r *result) string { return r.LimitOf }},
}

func limitText(r *result) string {
	if r.Limit == 0 {
		return "-"
	}
	return r.Unit.format(r.Limit)
}

// figureText shows a zero that was measured.
func figureText(r *result) string {
	if r.Verdict == failedVerdict {
		return "-"
	}
	return r.Unit.format(r.Figure)
}

func ratioText(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", v)
}

// writeTable writes the results with their columns aligned. Notes stand below.
func writeTable(w io.Writer, results []result) error {
	grid := [][]string{make([]string, len(columns))}
	for i, c := range columns {
		grid[0][i] = c.head
	}
	var notes []string
	for i := range results {
		r := &results[i]
		var line []string
		for _, c := range columns {
			line = append(line, c.cell(r))
		}
		grid = append(grid, line)
		if r.Note != "" {
			notes = append(notes, fmt.Sprintf("%s, %s: %s", r.Scenario, r.What, r.Note))
		}
	}
	_, err := io.WriteString(w, alignGrid(grid))
	if err == nil && len(notes) > 0 {
		_, err = fmt.Fprintf(w, "\n%s\n", strings.Join(notes, "\n"))
	}
	return err
}

func alignGrid(grid [][]string) string {
	widths := make([]int, len(columns))
	for _, line := range grid {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var text strings.Builder
	for _, line := range grid {
		var out strings.Builder
		for i, cell := range line {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if columns[i].right {
				out.WriteString(pad + cell + "  ")
			} else {
				out.WriteString(cell + pad + "  ")
			}
		}
		text.WriteString(strings.TrimRight(out.String(), " ") + "\n")
	}
	return text.String()
}
