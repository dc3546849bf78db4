package syncview

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/weirsync/weir/clients/syncclient"
)

// jsonView prints an object for each change.
type jsonView struct {
	out     io.Writer
	pending []syncclient.Change // of partial completions
}

// NewJSON returns a view that prints a line for each change of a row:
//
//	{"op":"update","table":"lists","id":"a","checkpoint":7,"old":{...},"new":{...}}
//
// op is insert, update or delete. An insert has no old, a delete no new. Lines
// with the same checkpoint belong together.
func NewJSON(out io.Writer) View { return &jsonView{out: out} }

type jsonLine struct {
	Op         string          `json:"op"`
	Table      string          `json:"table"`
	ID         string          `json:"id"`
	Checkpoint uint64          `json:"checkpoint"`
	Old        json.RawMessage `json:"old,omitempty"`
	New        json.RawMessage `json:"new,omitempty"`
}

func (v *jsonView) Apply(_ Client, a syncclient.Applied) error {
	v.pending = append(v.pending, a.Changes...)
	if a.Priority >= 0 {
		return nil
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	for i := range v.pending {
		c := &v.pending[i]
		line := jsonLine{operation(c), c.Table, c.ID, a.Checkpoint, c.Old, c.New}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	v.pending = nil
	_, err := v.out.Write(text.Bytes())
	return err
}

// operation names what happened to the row.
func operation(c *syncclient.Change) string {
	switch {
	case c.Old == nil:
		return "insert"
	case c.New == nil:
		return "delete"
	}
	return "update"
}
