package syncclient

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/weirsync/weir/clients/wire"
)

// rows are the objects of all buckets, and what of them is visible.
type rows struct {
	tables map[string]map[string]*object
	dirty  map[*object]int // objects to be published again, with the most urgent priority of what touched them
}

// object is a row of a table, with every operation that puts it there.
type object struct {
	table, id string
	puts      []put // live ones, one for each bucket and subkey
	shown     []byte
	shownOp   uint64
}

// put is a live PUT.
type put struct {
	bucket *bucket
	subkey string
	op     uint64
	data   []byte
}

func newRows() *rows {
	return &rows{tables: map[string]map[string]*object{}, dirty: map[*object]int{}}
}

func (r *rows) object(table, id string) *object {
	objects := r.tables[table]
	if objects == nil {
		objects = map[string]*object{}
		r.tables[table] = objects
	}
	o := objects[id]
	if o == nil {
		o = &object{table: table, id: id}
		objects[id] = o
	}
	return o
}

// touch notes that o must be published again, on behalf of b.
func (r *rows) touch(o *object, b *bucket) {
	if p, ok := r.dirty[o]; !ok || b.priority < p {
		r.dirty[o] = b.priority
	}
}

// op takes an operation in. Its bytes are copied.
func (r *rows) op(b *bucket, op *wire.Op) {
	switch op.Kind {
	case wire.Clear:
		r.drop(b)
	case wire.Put, wire.Remove:
		o := r.object(string(op.Type), string(op.ObjectID))
		o.puts = slices.DeleteFunc(o.puts, func(p put) bool { return p.bucket == b && p.subkey == string(op.Subkey) })
		if op.Kind == wire.Put {
			o.puts = append(o.puts, put{b, string(op.Subkey), op.ID, bytes.Clone(op.Data)})
		}
		r.touch(o, b)
	}
}

// drop takes everything of the bucket away.
func (r *rows) drop(b *bucket) {
	for _, objects := range r.tables {
		for _, o := range objects {
			n := len(o.puts)
			if o.puts = slices.DeleteFunc(o.puts, func(p put) bool { return p.bucket == b }); len(o.puts) < n {
				r.touch(o, b)
			}
		}
	}
}

// publish makes visible what has changed, in buckets up to the priority, or everywhere if it is -1.
func (r *rows) publish(priority int) []Change {
	var changes []Change
	for o, touched := range r.dirty {
		if priority >= 0 && touched > priority {
			continue
		}
		if o.settle(priority, &changes); priority < 0 {
			delete(r.dirty, o)
		}
		if len(o.puts) == 0 && o.shown == nil {
			delete(r.dirty, o)
			delete(r.tables[o.table], o.id)
		}
	}
	slices.SortFunc(changes, func(a, b Change) int {
		if n := strings.Compare(a.Table, b.Table); n != 0 {
			return n
		}
		return strings.Compare(a.ID, b.ID)
	})
	return changes
}

// settle makes the PUT with the highest op id visible. A partial completion knows only of buckets up to its priority: what others
// show stays.
func (o *object) settle(priority int, changes *[]Change) {
	var best put
	hidden := false // something is there that this completion doesn't know of
	for _, p := range o.puts {
		switch {
		case priority >= 0 && p.bucket.priority > priority:
			hidden = true
		case p.op > best.op:
			best = p
		}
	}
	if hidden && best.op < o.shownOp {
		return
	}
	if best.op == o.shownOp {
		return
	}
	old := o.shown
	o.shown, o.shownOp = best.data, best.op
	if !bytes.Equal(old, best.data) {
		*changes = append(*changes, Change{Table: o.table, ID: o.id, Old: old, New: best.data})
	}
}

// Row is a visible row.
type Row struct {
	ID   string
	Data json.RawMessage // object of column to value
}

// Rows returns the visible rows of a table by id.
func (c *Client) Rows(table string) []Row {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.rows == nil {
		return nil
	}
	var out []Row
	for id, o := range c.state.rows.tables[table] {
		if o.shown != nil {
			out = append(out, Row{ID: id, Data: o.shown})
		}
	}
	slices.SortFunc(out, func(a, b Row) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Tables returns the names of the tables that have visible rows.
func (c *Client) Tables() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.rows == nil {
		return nil
	}
	var out []string
	for name, objects := range c.state.rows.tables {
		for _, o := range objects {
			if o.shown != nil {
				out = append(out, name)
				break
			}
		}
	}
	slices.Sort(out)
	return out
}
