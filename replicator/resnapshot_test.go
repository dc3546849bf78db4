package replicator

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// again asks for a resnapshot of items and waits until clients can see what came of it.
func (w *world) again(where string) {
	w.t.Helper()
	begun, err := w.source.Resnapshot(w.t.Context(), ResnapshotRequest{Schema: "public", Table: "items", Where: where})
	if err != nil || len(begun) == 0 {
		w.t.Fatalf("resnapshot: %v, %+v", err, begun)
	}
	w.settle()
}

// lastOp is the newest op id that clients can see.
func (w *world) lastOp() (op buckets.OpID) {
	w.t.Helper()
	if err := w.store.View(func(v *buckets.View) error { op = v.Checkpoint(); return nil }); err != nil {
		w.t.Fatal(err)
	}
	return op
}

// TestResnapshotByHand: only rows that differ produce ops, and rows that are gone go.
func TestResnapshotByHand(t *testing.T) {
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		d.Exec(itemTable)
		w := newWorld(t, d, itemRules, mode)
		w.start()
		w.compare(itemTruth)
		before := w.lastOp()
		w.again("")
		w.compare(itemTruth)
		if got := w.lastOp(); got != before {
			t.Errorf("a resnapshot of an unchanged table made %d ops", got-before)
		}
		if got := w.store.Tables("default")[0]; got.Generation != 2 || got.Rows != 40 {
			t.Errorf("generation %d with %d rows read, want 2 with 40", got.Generation, got.Rows)
		}
		w.spoil("1", "2") // two rows are not what the source has, a third is not there
		w.again("")
		w.compare(itemTruth)
		if p := w.source.Progress()[0]; p.Phase != buckets.Done || p.Rows != 40 || p.Bytes < 40 || p.Rate <= 0 || p.Asked || p.Fence != 0 {
			t.Errorf("progress %+v", p)
		}
	})
}

// spoil makes the stream bring changes that the source never had: what a fault of weir would leave.
func (w *world) spoil(ids ...string) {
	w.t.Helper()
	rel := w.store.Tables("default")[0].Relation
	w.until(func() bool {
		// The stream may have moved on since the position was asked for; then this is dropped as seen before.
		tx := &buckets.Transaction{Source: "default", End: w.store.Applied("default") + 1, Bytes: 100}
		for _, id := range append(ids, "1000") {
			tx.Changes = append(tx.Changes, buckets.Change{Op: buckets.Insert, Relation: rel, New: buckets.Tuple{[]byte(id), []byte("wrong"), nil}})
		}
		if err := w.store.Apply(w.t.Context(), tx); err != nil {
			w.t.Fatal(err)
		}
		return w.rows()["items 1000"] != nil
	})
}

// TestResnapshotOfSomeRows: rows that meet the condition are read again, all others stay as they are, right or wrong.
func TestResnapshotOfSomeRows(t *testing.T) {
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		d.Exec(itemTable)
		w := newWorld(t, d, itemRules, mode)
		w.start()
		w.compare(itemTruth)
		w.spoil("1", "2", "3")
		w.again("id < 3 -- and no more")
		want := w.truth(itemTruth)
		want["items 3"]["v"], want["items 3"]["big"] = "wrong", nil
		want["items 1000"] = map[string]any{"id": 1000.0, "v": "wrong", "big": nil}
		if diff := cmp.Diff(want, w.rows()); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		// An update whose big value is unchanged needs the value of a row that was not read again.
		d.Exec("UPDATE items SET v = 'later' WHERE id = 7; DELETE FROM items WHERE id = 8; UPDATE items SET id = 900 WHERE id = 9")
		w.settle()
		want = w.truth(itemTruth)
		want["items 3"]["v"], want["items 3"]["big"] = "wrong", nil
		want["items 1000"] = map[string]any{"id": 1000.0, "v": "wrong", "big": nil}
		if diff := cmp.Diff(want, w.rows()); diff != "" {
			t.Errorf("rows after changes (-want +got):\n%s", diff)
		}
		w.again("")
		w.compare(itemTruth)
	})
}

// TestResnapshotConditions: what is no condition is refused with its place and begins nothing; one that fails on the data gives up.
func TestResnapshotConditions(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable + "CREATE TABLE secrets (id int); CREATE SEQUENCE s; CREATE FUNCTION boom(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'boom'; END $$")
	w := newWorld(t, d, itemRules, nil)
	w.start()
	w.compare(itemTruth)
	for _, test := range []struct{ where, want string }{
		{"idd < 3", "condition:1:1: column \"idd\" does not exist\n  idd < 3\n  ^"},
		{"id < 3 AND\n  v = = 'x'", "condition:2:7: syntax error"},
		{"id", "must be type boolean"},
		{"true) OR (true", "syntax error"},
		{"true) UNION ALL SELECT FROM secrets--", "syntax error"},
		{"true); DROP TABLE secrets; SELECT (1", ""},
		{"true) TO STDOUT; DROP TABLE secrets; --", ""},
		{"id < 'x'", "invalid input syntax"},
	} {
		_, err := w.source.Resnapshot(t.Context(), ResnapshotRequest{Schema: "public", Table: "items", Where: test.where})
		var cond *ConditionError
		if !errors.As(err, &cond) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %q", test.where, err, test.want)
		}
	}
	if got := w.store.Tables("default")[0].Generation; got != 1 {
		t.Errorf("a condition that was refused began generation %d", got)
	}
	for where, want := range map[string]string{
		"1 / (id - 5) > 0":        "SQLSTATE 22012",
		"nextval('public.s') > 0": "read-only transaction",
		"public.boom(id)":         "SQLSTATE P0001",
	} {
		w.again(where)
		if got := w.source.Progress()[0].Failed; !strings.Contains(got, want) {
			t.Errorf("%q: the progress says %q, want %q", where, got, want)
		}
		w.compare(itemTruth)
	}
	if _, err := w.source.Resnapshot(t.Context(), ResnapshotRequest{Schema: "public", Table: "nothing"}); !errors.Is(err, ErrNoTable) {
		t.Errorf("unknown table: %v, want ErrNoTable", err)
	}
}

// TestPauseResumeCancel: a paused table is read no further; a cancelled one keeps what it had, and a restart forgets the pause.
func TestPauseResumeCancel(t *testing.T) {
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		d.Exec(itemTable + "INSERT INTO items SELECT i, repeat('v', 200), NULL FROM generate_series(100, 3000) i")
		var reads atomic.Int64
		var w *world
		var pauseAt atomic.Int64
		w = newWorld(t, d, itemRules, func(cfg *Config) {
			mode(cfg)
			cfg.Snapshot.ChunkBytes = 16 << 10
			cfg.hooks.chunkRead = func(context.Context, *buckets.Relation, int) {
				if reads.Add(1) == pauseAt.Load() {
					if _, err := w.source.Pause("public", "items"); err != nil {
						t.Error(err)
					}
				}
			}
		})
		w.start()
		w.compare(itemTruth)
		ask := func() {
			t.Helper()
			pauseAt.Store(reads.Load() + 4)
			if _, err := w.source.Resnapshot(t.Context(), ResnapshotRequest{Schema: "public", Table: "items"}); err != nil {
				t.Fatal(err)
			}
			w.until(func() bool { p := w.source.Progress()[0]; return p.Paused && p.Rows > 0 })
		}
		if _, err := w.source.Cancel(t.Context(), "public", "items"); !errors.Is(err, ErrNotAsked) {
			t.Errorf("cancel of nothing: %v, want ErrNotAsked", err)
		}
		ask()
		if _, err := w.source.Resnapshot(t.Context(), ResnapshotRequest{Schema: "public", Table: "items"}); !errors.Is(err, buckets.ErrReading) {
			t.Errorf("resnapshot of a table that is being read: %v, want ErrReading", err)
		}
		d.Exec("UPDATE items SET v = 'meanwhile' WHERE id % 7 = 0; DELETE FROM items WHERE id % 11 = 0")
		w.catchUp(t.Context())
		if got := w.store.Tables("default")[0]; got.Phase != buckets.Chunking || got.Rows > 2900 {
			t.Errorf("a paused table is in phase %d with %d rows read", got.Phase, got.Rows)
		}
		if _, err := w.source.Resume("public", "items"); err != nil {
			t.Fatal(err)
		}
		w.compare(itemTruth)

		ask()
		if _, err := w.source.Cancel(t.Context(), "public", "items"); err != nil {
			t.Fatal(err)
		}
		w.compare(itemTruth)
		if got := w.store.Tables("default")[0]; got.Rows > 2500 {
			t.Errorf("a cancelled resnapshot read %d rows", got.Rows)
		}
		d.Exec("UPDATE items SET v = 'after' WHERE id % 5 = 0; UPDATE items SET id = id + 10000 WHERE id < 20")
		w.compare(itemTruth)

		ask()
		w.stop()
		w.start() // forgets the pause, and goes on with the resnapshot
		w.compare(itemTruth)
		if got := w.store.Tables("default")[0].Generation; got != 4 {
			t.Errorf("generation %d, want 4", got)
		}
	})
}

// TestCancelOnlyWhatWasAskedFor: what weir reads for a reason is not for anyone to cancel.
func TestCancelOnlyWhatWasAskedFor(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable)
	var w *world
	var cancelled atomic.Pointer[error]
	w = newWorld(t, d, starRules, func(cfg *Config) {
		cfg.hooks.chunkRead = func(ctx context.Context, _ *buckets.Relation, _ int) {
			_, err := w.source.Cancel(ctx, "public", "items")
			cancelled.Store(&err)
		}
	})
	w.start()
	w.compare(starTruth)
	if err := cancelled.Load(); err == nil || !errors.Is(*err, ErrNotAsked) {
		t.Errorf("cancel of a first snapshot: %v", err)
	}
}
