package syncview

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/weirsync/weir/clients/syncclient"
)

// held is a client that holds what its changes left.
type held map[string]map[string]json.RawMessage

func (h held) Tables() []string {
	var names []string
	for name, rows := range h {
		if len(rows) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (h held) Rows(table string) []syncclient.Row {
	var rows []syncclient.Row
	for id, data := range h[table] {
		rows = append(rows, syncclient.Row{ID: id, Data: data})
	}
	slices.SortFunc(rows, func(a, b syncclient.Row) int { return strings.Compare(a.ID, b.ID) })
	return rows
}

// change reads "table id object", or "table id" for a delete.
func (h held) change(line string) syncclient.Change {
	parts := strings.SplitN(line, " ", 3)
	c := syncclient.Change{Table: parts[0], ID: parts[1]}
	if h[c.Table] == nil {
		h[c.Table] = map[string]json.RawMessage{}
	}
	c.Old = h[c.Table][c.ID]
	delete(h[c.Table], c.ID)
	if len(parts) == 3 {
		c.New = json.RawMessage(parts[2])
		h[c.Table][c.ID] = c.New
	}
	return c
}

// TestView shows what a user sees. The input is the changes of a checkpoint;
// "partial" makes it one of priority 1. A view lives until the next "view".
func TestView(t *testing.T) {
	datadriven.Walk(t, "testdata/views", func(t *testing.T, path string) {
		var out strings.Builder
		var view View
		var client held
		checkpoint := uint64(0)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out.Reset()
			switch d.Cmd {
			case "view":
				client = held{}
				view = NewTable(&out, d.HasArg("color"))
				if d.HasArg("json") {
					view = NewJSON(&out)
				}
				return ""
			case "apply":
				checkpoint++
				a := syncclient.Applied{Checkpoint: checkpoint, Priority: -1}
				if d.HasArg("partial") {
					a.Priority = 1
				}
				for line := range strings.Lines(d.Input) {
					a.Changes = append(a.Changes, client.change(strings.TrimSpace(line)))
				}
				if err := view.Apply(client, a); err != nil {
					return fmt.Sprintf("error: %v\n", err)
				}
				return strings.ReplaceAll(out.String(), "\x1b", "ESC")
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

// A row comes from a server: whatever it is, no terminal must be harmed.
func FuzzParseRow(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"b":null,"c":"x\u001b[2J"}`, `[1]`, `{"a":`, `{"\n":[{}]}`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fields, err := parseRow(data)
		if err != nil {
			return
		}
		for _, field := range fields {
			if strings.ContainsAny(field.name+field.text, "\x1b\n\r\x07\u009b") {
				t.Errorf("parseRow(%q) shows control characters: %q", data, field)
			}
		}
	})
}
