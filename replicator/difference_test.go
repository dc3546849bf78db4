package replicator

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// bucketSum is the state of a bucket that every op changes. The checkpoint also moves where history was lost, without an op (I3).
type bucketSum struct {
	Count int64
	Sum   uint32
	Last  buckets.OpID
}

func (w *world) sums() map[string]bucketSum {
	w.t.Helper()
	_, names, err := rowsOf(w.store, "")
	if err != nil {
		w.t.Fatalf("read store: %v", err)
	}
	out := map[string]bucketSum{}
	if err := w.store.View(func(v *buckets.View) error {
		for _, name := range names {
			b := buckets.Bucket{FullName: name}
			if err := v.State(&b); err != nil {
				return err
			}
			out[name] = bucketSum{b.Count, b.Checksum, b.Last}
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// TestOnlyDifferencesAreSent: whatever a table is read again for, rows that clients have as they are produce no op (I12).
func TestOnlyDifferencesAreSent(t *testing.T) {
	for name, c := range map[string]struct {
		change string // NAME stands for that of the slot and of the publication
		down   bool   // weir does not run meanwhile
	}{
		"identity full":             {change: "ALTER TABLE items REPLICA IDENTITY FULL"},
		"identity another index":    {change: "ALTER TABLE items REPLICA IDENTITY USING INDEX items_code"},
		"column added":              {change: "ALTER TABLE items ADD extra text"},
		"column added with default": {change: "ALTER TABLE items ADD extra text DEFAULT 'seven'"},
		"column dropped":            {change: "ALTER TABLE items DROP other"},
		"column retyped":            {change: "ALTER TABLE items ALTER v TYPE varchar(100)"},
		"published otherwise":       {change: "ALTER PUBLICATION NAME DROP TABLE items; ALTER PUBLICATION NAME ADD TABLE items", down: true},
		"publication made anew":     {change: "DROP PUBLICATION NAME; CREATE PUBLICATION NAME FOR TABLE items", down: true},
		"slot dropped":              {change: "SELECT pg_drop_replication_slot('NAME')", down: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			d.Exec(itemTable + `ALTER TABLE items ADD code int, ADD other text; UPDATE items SET code = id;
				ALTER TABLE items ALTER code SET NOT NULL; CREATE UNIQUE INDEX items_code ON items (code)`)
			w := newWorld(t, d, itemRules, func(cfg *Config) { cfg.CatalogPoll = 50 * time.Millisecond })
			w.start()
			w.compare(itemTruth)
			before := w.sums()
			if c.down {
				w.stop()
			}
			d.Exec(strings.ReplaceAll(c.change, "NAME", w.cfg.Slot))
			if c.down {
				w.start()
			}
			w.until(func() bool { return w.store.Tables("default")[0].Generation > 1 || len(w.store.Tables("default")) > 1 })
			w.settle()
			w.compare(itemTruth)
			if diff := cmp.Diff(before, w.sums()); diff != "" {
				t.Errorf("reading the table again made ops, though no row differs (-before +after):\n%s", diff)
			}
			d.Exec("UPDATE items SET v = 'streamed' WHERE id = 7")
			w.compare(itemTruth)
		})
	}
}

// TestResnapshotOfPartitions: the root is named, and each leaf is read again.
func TestResnapshotOfPartitions(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(`CREATE TABLE items (id int PRIMARY KEY, v text, big text) PARTITION BY RANGE (id);
		CREATE TABLE items_a PARTITION OF items FOR VALUES FROM (0) TO (100);
		CREATE TABLE items_b PARTITION OF items FOR VALUES FROM (100) TO (2000);
		INSERT INTO items SELECT i, 'v' || i, 'big' || i FROM generate_series(90, 110) i`)
	w := newWorld(t, d, itemRules, nil)
	w.start()
	w.compare(itemTruth)
	before := w.lastOp()
	w.again("")
	if got := w.lastOp(); got != before {
		t.Errorf("a resnapshot of unchanged leaves made %d ops", got-before)
	}
	w.again("id = 95 OR id = 105")
	w.compare(itemTruth)
	for _, table := range w.store.Tables("default") {
		if table.Generation != 3 {
			t.Errorf("a leaf is in generation %d, want 3", table.Generation)
		}
	}
}

// TestConditionOutlivesARestart: a resnapshot of some rows that was interrupted stays one, or the sweep would take all others.
func TestConditionOutlivesARestart(t *testing.T) {
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		d.Exec(itemTable + "INSERT INTO items SELECT i, repeat('v', 200), NULL FROM generate_series(100, 900) i")
		var w *world
		var pauseAt, reads atomic.Int64
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
		w.spoil("1", "2", "899", "900") // the last two are read after the restart
		pauseAt.Store(reads.Load() + 2)
		if _, err := w.source.Resnapshot(t.Context(), ResnapshotRequest{Schema: "public", Table: "items", Where: "id % 2 = 0"}); err != nil {
			t.Fatal(err)
		}
		w.until(func() bool { return w.source.Progress()[0].Paused })
		w.stop()
		w.start()
		w.settle()
		rows := w.rows()
		for id, wrong := range map[string]bool{"1": true, "2": false, "899": true, "900": false} {
			if got := rows["items "+id]["v"]; (got == "wrong") != wrong {
				t.Errorf("row %s has %v: only even ones were to be read again", id, got)
			}
		}
		if want := len(w.truth(itemTruth)) + 1; len(rows) != want { // no condition finds that row 1000 is not there
			t.Errorf("%d rows, want %d", len(rows), want)
		}
	})
}
