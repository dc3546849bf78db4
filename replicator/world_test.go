package replicator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
	"github.com/weirsync/weir/syncrules"
)

// world is a database, a store and a source between them.
type world struct {
	t      *testing.T
	db     *pgtest.Database
	cfg    Config
	path   string
	rules  string
	opts   buckets.Options
	store  *buckets.Store
	source *Source
	stop   func()
	log    *logBuffer

	witness *witness // nil if the rules know no ledger
}

// logBuffer keeps what was logged, for a test that fails.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func newWorld(t *testing.T, db *pgtest.Database, rules string, change func(cfg *Config)) *world {
	t.Helper()
	w := &world{t: t, db: db, rules: rules, path: filepath.Join(t.TempDir(), "weir.db"), log: &logBuffer{}}
	w.cfg = newConfig(db)
	w.cfg.Logger = slog.New(slog.NewTextHandler(w.log, nil))
	w.cfg.CatalogPoll = time.Hour // what has to be noticed, tests bring up themselves
	if change != nil {
		change(&w.cfg)
	}
	if strings.Contains(rules, ledgerRules) {
		w.witness = &witness{}
	}
	t.Cleanup(func() {
		if w.stop != nil {
			w.stop()
		}
		if w.witness != nil && w.witness.seen == 0 {
			t.Error("no checkpoint was judged")
		}
		if t.Failed() {
			t.Logf("log:\n%s", w.log.buf.String())
		}
	})
	return w
}

// start opens the store and runs writer, source and, if there is a ledger, its witness.
func (w *world) start() {
	w.t.Helper()
	store, err := buckets.Open(w.path, w.opts)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store, w.source = store, New(w.cfg, store)
	writing, stopWriting := context.WithCancel(context.Background())
	running, stopRunning := context.WithCancel(context.Background())
	written, ran := make(chan error, 1), make(chan error, 1)
	go func() { written <- store.Run(writing) }()
	w.deploy(w.rules)
	go func() { ran <- w.source.Run(running) }()
	stopWatching := w.watch()
	w.stop = func() {
		w.stop = nil
		stopRunning()
		err := errors.Join(<-ran, stopWatching())
		stopWriting()
		if err := errors.Join(err, <-written, store.Close(), buckets.Check(w.path)); err != nil {
			w.t.Errorf("stop: %v", err)
		}
	}
}

// watch judges the checkpoints of the ledger until stop, which returns what was wrong.
func (w *world) watch() (stop func() error) {
	if w.witness == nil {
		return func() error { return nil }
	}
	ctx, cancel := context.WithCancel(context.Background())
	watched := make(chan error, 1)
	go func() { watched <- watch(ctx, w.store, w.witness) }()
	return func() error {
		cancel()
		return <-watched
	}
}

func (w *world) deploy(rules string) {
	w.t.Helper()
	w.rules = rules
	_, faults, err := w.store.Deploy(w.t.Context(), rules, "")
	if err != nil || len(faults) > 0 {
		w.t.Fatalf("deploy: %v %+v", err, faults)
	}
}

// settle waits until the store has everything that was committed before the call and nothing is left to be snapshotted.
func (w *world) settle() {
	w.t.Helper()
	w.until(w.complete)
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	head := w.catchUp(ctx)
	w.until(func() bool { return w.complete() && w.published() >= head })
}

// published is how far the source can be seen.
func (w *world) published() (pos buckets.Position) {
	_ = w.store.View(func(v *buckets.View) error { // nothing is, while there is no version
		pos = v.Position("default")
		return nil
	})
	return pos
}

// tracked waits until the store tracks n tables.
func (w *world) tracked(n int) {
	w.t.Helper()
	w.until(func() bool { return len(w.store.Tables("default")) == n })
}

// until waits until ok, which it asks again at each change of the store and every now and then.
func (w *world) until(ok func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	for {
		changed := w.store.Changed()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			w.t.Fatalf("not reached: %+v, %+v", w.source.Progress(), w.source.Health())
		}
	}
}

// catchUp waits until everything committed before the call is durable, and returns the position up to which.
func (w *world) catchUp(ctx context.Context) buckets.Position {
	w.t.Helper()
	head, err := w.source.Head(ctx)
	for errors.Is(err, ErrNotConnected) && pause(ctx, time.Millisecond) == nil {
		head, err = w.source.Head(ctx)
	}
	if err == nil {
		err = w.source.Mark(ctx)
	}
	if err == nil {
		err = w.store.WaitDurable(ctx, "default", head)
	}
	if err != nil {
		w.t.Fatalf("catch up: %v; %+v", err, w.source.Health())
	}
	return head
}

func (w *world) complete() bool {
	if versions := w.store.Versions(); len(versions) == 0 || versions[0].State != buckets.Active {
		return false
	}
	for _, t := range w.store.Tables("default") {
		if t.Phase != buckets.Done || t.Partials > 0 {
			return false
		}
	}
	return true
}

// rows reduces all buckets of a client without claims to its rows: type and id to values.
func (w *world) rows() map[string]map[string]any {
	w.t.Helper()
	out, _, err := rowsOf(w.store, "")
	if err != nil {
		w.t.Fatalf("read store: %v", err)
	}
	return out
}

// rowsOf reduces the buckets whose full name contains part, and names them.
func rowsOf(store *buckets.Store, part string) (out map[string]map[string]any, names []string, err error) {
	out = map[string]map[string]any{}
	err = store.View(func(v *buckets.View) error {
		resolver, err := v.Version().Program.NewResolver(&syncrules.Request{Claims: []byte(`{"sub":"u1"}`)})
		if err != nil {
			return err
		}
		resolved, err := v.Resolve(resolver)
		if err != nil {
			return err
		}
		for _, b := range resolved.Buckets {
			if !strings.Contains(b.FullName, part) {
				continue
			}
			names = append(names, b.FullName)
			if err := reduce(v, b, out); err != nil {
				return err
			}
		}
		return nil
	})
	return out, names, err
}

// reduce does as a client does: objects of the same type and id stand side by side if their source rows differ, and the newest shows.
func reduce(v *buckets.View, b buckets.Bucket, out map[string]map[string]any) error {
	type object struct{ id, subkey string }
	type state struct {
		op  buckets.OpID
		row map[string]any
	}
	live, newest := map[object]state{}, map[string]buckets.OpID{}
	var sum uint32
	var last buckets.OpID
	for more := true; more; {
		var err error
		more, _, err = v.Operations(b.FullName, last, 0, v.Checkpoint(), func(op *buckets.Operation) bool {
			sum, last = sum+op.Checksum, op.ID
			id := object{string(op.Type) + " " + string(op.ObjectID), string(op.Subkey)}
			switch op.Op {
			case buckets.Put:
				row := map[string]any{}
				if err := json.Unmarshal(op.Data, &row); err != nil {
					panic(err)
				}
				live[id] = state{op.ID, row}
			case buckets.Remove:
				delete(live, id)
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	for o, s := range live {
		if s.op > newest[o.id] {
			out[o.id], newest[o.id] = s.row, s.op
		}
	}
	if sum != b.Checksum {
		return fmt.Errorf("bucket %s: checksum %d, its operations have %d", b.FullName, b.Checksum, sum)
	}
	return nil
}

// truth reads what the rules' SQL gives: each query returns type, id and a JSON object.
func (w *world) truth(queries ...string) map[string]map[string]any {
	w.t.Helper()
	out := map[string]map[string]any{}
	for _, q := range queries {
		for _, row := range w.db.Query(q) {
			data := map[string]any{}
			if err := json.Unmarshal([]byte(row[2]), &data); err != nil {
				w.t.Fatal(err)
			}
			out[row[0]+" "+row[1]] = data
		}
	}
	return out
}

// compare settles and compares the store with the truth.
func (w *world) compare(queries ...string) {
	w.t.Helper()
	w.settle()
	if diff := cmp.Diff(w.truth(queries...), w.rows()); diff != "" {
		if len(diff) > 4000 {
			diff = diff[:4000]
		}
		w.t.Fatalf("store (-truth +store):\n%s", diff)
	}
}

// gone tells whether nothing is tracked of a relation any more.
func (w *world) gone(oid uint32) bool {
	for _, t := range w.store.Tables("default") {
		if t.Relation.OID == oid {
			return false
		}
	}
	return true
}

// current tells whether each tracked table is of the relation that has its name now.
func (w *world) current() bool {
	for _, t := range w.store.Tables("default") {
		const named = "SELECT count(*) FROM pg_class WHERE oid = $1::bigint::oid AND (relispartition OR relname = $2)"
		if w.db.Value(named, int64(t.Relation.OID), t.Relation.Name) == "0" {
			return false
		}
	}
	return true
}

// publication puts the name of the publication into a statement.
func (w *world) publication(sql string) string {
	return strings.ReplaceAll(sql, "%p", ident(w.cfg.Publication))
}
