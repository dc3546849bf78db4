package buckets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirsync/weir/storage"
	"github.com/weirsync/weir/syncrules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness is a real store with its writer running. Its clean-up stops the writer, and checks the whole file.
type harness struct {
	*Store
	tb   testing.TB
	ctx  context.Context
	path string
	opts Options
	stop func()
	pos  Position // end of the last streamed transaction
}

func newHarness(tb testing.TB) *harness {
	tb.Helper()
	return newHarnessWith(tb, Options{})
}

// newKeeping makes a harness whose store keeps replaced versions.
func newKeeping(tb testing.TB, keep time.Duration) *harness {
	tb.Helper()
	return newHarnessWith(tb, Options{KeepRetired: keep})
}

func newHarnessWith(tb testing.TB, opts Options) *harness {
	tb.Helper()
	h := &harness{tb: tb, ctx: context.Background(), path: filepath.Join(tb.TempDir(), "weir.db"), opts: opts, pos: 1000}
	h.open()
	tb.Cleanup(func() {
		h.stop()
		report, err := storage.Check(h.path)
		if err != nil {
			tb.Errorf("check store: %v", err)
		} else if !report.OK() {
			tb.Errorf("the store has faults: %q", report.Faults)
		}
	})
	return h
}

func (h *harness) open() {
	h.tb.Helper()
	s, err := Open(h.path, h.opts)
	if err != nil {
		h.tb.Fatal(err)
	}
	h.run(s)
}

// run starts the writer of a store.
func (h *harness) run(s *Store) {
	ctx, cancel := context.WithCancel(h.ctx)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	h.Store = s
	h.stop = func() {
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			h.tb.Errorf("stop store: %v", err)
		}
	}
}

// reopen is a restart of the process. Nothing but the file survives.
func (h *harness) reopen() {
	h.tb.Helper()
	h.stop()
	h.open()
}

func (h *harness) must(err error) {
	h.tb.Helper()
	if err != nil {
		h.tb.Fatal(err)
	}
}

var textType = &syncrules.Type{OID: 25, Name: "text", Kind: syncrules.TypeBase}

// relation makes a table of text columns whose first is the key.
func relation(oid uint32, name string, columns ...string) *Relation {
	rel := &Relation{OID: oid, Schema: "public", Name: name, Identity: 'd', Varlena: true}
	for i, c := range columns {
		rel.Columns = append(rel.Columns, Column{Name: c, Attnum: int16(i + 1), Type: textType, Typmod: -1, Key: i == 0, Varlena: true})
	}
	return rel
}

// tuple makes a row: strings, nil for NULL, "<u>" for an unchanged value.
func tuple(values ...any) Tuple {
	t := make(Tuple, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil:
		case string:
			if t[i] = []byte(v); v == "<u>" {
				t[i] = Unchanged()
			}
		}
	}
	return t
}

func ins(rel *Relation, values ...any) Change {
	return Change{Op: Insert, Relation: rel, New: tuple(values...)}
}

func upd(rel *Relation, values ...any) Change {
	return Change{Op: Update, Relation: rel, New: tuple(values...)}
}

func del(rel *Relation, key string) Change {
	return Change{Op: Delete, Relation: rel, Old: rel.oldKey(key)}
}

// move is an update that changes the key.
func move(rel *Relation, key string, values ...any) Change {
	return Change{Op: Update, Relation: rel, Old: rel.oldKey(key), New: tuple(values...)}
}

func (rel *Relation) oldKey(key string) Tuple {
	old := make(Tuple, len(rel.Columns))
	old[0] = []byte(key)
	return old
}

// deploy deploys rules and returns the version.
func (h *harness) deploy(rules string) Version {
	h.tb.Helper()
	v, faults, err := h.Deploy(h.ctx, rules, "")
	h.must(err)
	if v.ID == 0 {
		h.tb.Fatalf("the rules have faults: %+v", faults)
	}
	return v
}

// plan tracks relations and declares the live definitions planned.
func (h *harness) plan(rels ...*Relation) {
	h.tb.Helper()
	for _, rel := range rels {
		_, err := h.Track(h.ctx, "default", rel)
		h.must(err)
	}
	var defs []DefinitionID
	for _, d := range h.Definitions() {
		defs = append(defs, d.ID)
	}
	h.must(h.Planned(h.ctx, "default", defs))
}

// begin starts a generation of every unfinished table of rel.
func (h *harness) begin(rel *Relation) []Table {
	h.tb.Helper()
	for _, t := range h.tablesOf(rel) {
		if t.Phase == Registered {
			_, err := h.BeginGeneration(h.ctx, t.ID, rel)
			h.must(err)
		}
	}
	return h.tablesOf(rel)
}

func (h *harness) tablesOf(rel *Relation) []Table {
	var out []Table
	for _, t := range h.Tables("default") {
		if t.Relation.OID == rel.OID && t.Phase != Done {
			out = append(out, t)
		}
	}
	return out
}

// chunk saves rows for all unfinished tables of rel.
func (h *harness) chunk(rel *Relation, last bool, rows ...Tuple) {
	h.tb.Helper()
	for _, t := range h.tablesOf(rel) {
		h.must(h.SaveChunk(h.ctx, &Chunk{Table: t.ID, Generation: t.Generation, Relation: rel, Rows: rows, Last: last}))
	}
}

// fence passes the fence of all tables of rel in phase Repairing and reports whether they are done.
func (h *harness) fence(rel *Relation) bool {
	h.tb.Helper()
	all := true
	for _, t := range h.tablesOf(rel) {
		nonce := fmt.Sprintf("fence-%d-%d", t.ID, h.pos)
		done, err := h.Fence(h.ctx, t.ID, t.Generation, nonce, func(context.Context) error {
			h.stream(Change{Op: Message, Prefix: MarkerPrefix, Content: []byte(nonce)})
			return nil
		})
		h.must(err)
		all = all && done
	}
	return all
}

// snapshot takes rel through a whole first snapshot.
func (h *harness) snapshot(rel *Relation, rows ...Tuple) {
	h.tb.Helper()
	h.begin(rel)
	h.chunk(rel, true, rows...)
	if !h.fence(rel) {
		h.tb.Fatal("the fence found partial rows")
	}
}

// stream applies a transaction and waits until it is durable.
func (h *harness) stream(changes ...Change) {
	h.tb.Helper()
	h.pos += 8
	h.must(h.Apply(h.ctx, &Transaction{Source: "default", End: h.pos, Changes: changes, Bytes: 100}))
	h.must(h.WaitDurable(h.ctx, "default", h.pos))
}

// object is a row as a client has it.
type object struct{ typ, id string }

// client is what a fresh client of the user would hold, with every checksum verified (I5). nil while nothing can be served.
func (h *harness) client(user string) map[object]string {
	h.tb.Helper()
	rows, err := clientRows(h.Store, user)
	if errors.Is(err, ErrNoVersion) {
		return nil
	}
	h.must(err)
	return rows
}

func clientRows(s *Store, user string) (map[object]string, error) {
	type held struct {
		op   OpID
		data string
	}
	rows := map[object]held{}
	err := s.View(func(v *View) error {
		claims, _ := json.Marshal(map[string]string{"sub": user})
		r, err := v.Version().Program.NewResolver(&syncrules.Request{Claims: claims})
		if err != nil {
			return err
		}
		res, err := v.Resolve(r)
		if err != nil {
			return err
		}
		for _, b := range res.Buckets {
			live := map[string]Operation{}
			var sum uint32
			var count int64
			_, _, err := v.Operations(b.FullName, 0, 0, v.Checkpoint(), func(op *Operation) bool {
				sum += op.Checksum
				count++
				key := string(op.Type) + "/" + string(op.ObjectID) + "/" + string(op.Subkey)
				switch op.Op {
				case Put:
					live[key] = Operation{ID: op.ID, Type: append([]byte(nil), op.Type...), ObjectID: append([]byte(nil), op.ObjectID...), Data: append([]byte(nil), op.Data...)}
				case Remove:
					delete(live, key)
				}
				return true
			})
			if err != nil {
				return err
			}
			if sum != b.Checksum || count != b.Count {
				return fmt.Errorf("bucket %s: ops come to %d ops, sum %d; announced %d, %d", b.FullName, count, sum, b.Count, b.Checksum)
			}
			for _, op := range live {
				o := object{string(op.Type), string(op.ObjectID)}
				if rows[o].op < op.ID {
					rows[o] = held{op.ID, string(op.Data)}
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make(map[object]string, len(rows))
	for o, r := range rows {
		out[o] = r.data
	}
	return out, nil
}

// values reads one column of a client's rows of a table, by object id.
func values(rows map[object]string, typ, column string) map[string]string {
	out := map[string]string{}
	for o, data := range rows {
		if o.typ != typ {
			continue
		}
		var row map[string]any
		if err := json.Unmarshal([]byte(data), &row); err != nil {
			out[o.id] = "bad data: " + err.Error()
			continue
		}
		out[o.id] = fmt.Sprint(row[column])
	}
	return out
}

func mustCompile(tb testing.TB, rules string) *syncrules.Program {
	tb.Helper()
	program, faults := syncrules.Compile([]byte(rules), syncrules.CompileOptions{})
	if program == nil {
		tb.Fatalf("the rules have faults: %+v", faults)
	}
	return program
}
