package syncview

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/weirsync/weir/clients/syncclient"
)

// tableView prints all rows once, then changes.
type tableView struct {
	out     io.Writer
	color   bool
	began   bool
	pending []syncclient.Change // of partial completions
}

// NewTable returns a view for people: the tables when the first checkpoint is
// whole, then what each checkpoint changes.
func NewTable(out io.Writer, color bool) View { return &tableView{out: out, color: color} }

func (v *tableView) Apply(c Client, a syncclient.Applied) error {
	v.pending = append(v.pending, a.Changes...)
	if a.Priority >= 0 {
		return nil
	}
	changes := v.pending
	v.pending = nil
	var text string
	var err error
	switch {
	case !v.began:
		v.began = true
		text, err = v.tables(c)
	case len(changes) == 0:
		return nil // a write checkpoint, or rows of others
	default:
		text, err = v.changes(a.Checkpoint, changes)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(v.out, text)
	return err
}

// tables returns all rows of the client.
func (v *tableView) tables(c Client) (string, error) {
	var b strings.Builder
	for _, name := range c.Tables() {
		rows := c.Rows(name)
		g, err := newGrid(rows)
		if err != nil {
			return "", fmt.Errorf("table %s: %w", printable(name), err)
		}
		b.WriteString(v.paint(bold, fmt.Sprintf("%s (%s)", printable(name), count(len(rows), "row"))) + "\n")
		for i, line := range g.lines() {
			if i == 0 {
				line = v.paint(dim, line)
			}
			b.WriteString("  " + line + "\n")
		}
		b.WriteString("\n")
	}
	if b.Len() == 0 {
		return "no rows\n\n", nil
	}
	return b.String(), nil
}

// newGrid makes a table of rows. Its columns are those of all rows: a row can
// lack some while a new column is being rolled out.
func newGrid(rows []syncclient.Row) (grid, error) {
	g := grid{nil}
	place := map[string]int{}
	for i := range rows {
		fields, err := parseRow(rows[i].Data)
		if err != nil {
			return nil, fmt.Errorf("row %s: %w", printable(rows[i].ID), err)
		}
		cells := make([]string, len(g[0]))
		for _, f := range fields {
			at, ok := place[f.name]
			if !ok {
				at = len(g[0])
				place[f.name] = at
				g[0] = append(g[0], f.name)
				cells = append(cells, "")
			}
			cells[at] = f.text
		}
		g = append(g, cells)
	}
	return g, nil
}

// changes returns a line for each change.
func (v *tableView) changes(checkpoint uint64, changes []syncclient.Change) (string, error) {
	var g grid
	for i := range changes {
		c := &changes[i]
		detail, err := describe(c)
		if err != nil {
			return "", fmt.Errorf("table %s, row %s: %w", printable(c.Table), printable(c.ID), err)
		}
		g = append(g, []string{marks[operation(c)].sign, printable(c.Table), shorten(printable(c.ID)), detail})
	}
	var b strings.Builder
	b.WriteString(v.paint(bold, fmt.Sprintf("checkpoint %d (%s)", checkpoint, count(len(changes), "change"))) + "\n")
	for i, line := range g.lines() {
		b.WriteString("  " + v.paint(marks[operation(&changes[i])].look, line) + "\n")
	}
	return b.String(), nil
}

// describe returns the values of a row that is new, and those that differ of one
// that has changed.
func describe(c *syncclient.Change) (string, error) {
	if c.New == nil {
		return "", nil
	}
	fields, err := parseRow(c.New)
	if err != nil {
		return "", err
	}
	var old []field
	if c.Old != nil {
		if old, err = parseRow(c.Old); err != nil {
			return "", err
		}
	}
	var parts []string
	for _, f := range fields {
		before := find(old, f.name)
		switch {
		case before == nil:
			parts = append(parts, f.name+"="+f.text)
		case !bytes.Equal(before.value, f.value):
			parts = append(parts, f.name+": "+before.text+" -> "+f.text)
		}
	}
	for _, f := range old {
		if find(fields, f.name) == nil {
			parts = append(parts, f.name+" is gone")
		}
	}
	return strings.Join(parts, ", "), nil
}

func find(fields []field, name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}

// grid is a table of cells; its rows may end early.
type grid [][]string

// lines returns the rows with aligned columns.
func (g grid) lines() []string {
	var widths []int
	for _, cells := range g {
		for i, cell := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, len(g))
	for n, cells := range g {
		var b strings.Builder
		for i, cell := range cells {
			b.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		lines[n] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
