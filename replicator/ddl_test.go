package replicator

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

const starRules = `
bucket_definitions:
  all:
    data:
      - SELECT * FROM items
`

const starTruth = "SELECT 'items', id, row_to_json(items) FROM items"

// TestDDL: after a change of a table's columns or identity its rows are read again, with or without a change that the stream brings.
func TestDDL(t *testing.T) {
	for name, ddl := range map[string]string{
		"add with default": "ALTER TABLE items ADD extra text DEFAULT 'seven'",
		"add":              "ALTER TABLE items ADD extra text",
		"drop":             "ALTER TABLE items DROP big",
		"rename":           "ALTER TABLE items RENAME v TO w",
		"retype":           "ALTER TABLE items ALTER v TYPE bigint USING id",
		"identity":         "ALTER TABLE items REPLICA IDENTITY FULL",
	} {
		for _, then := range []string{"", "; UPDATE items SET id = id + 100 WHERE id < 5"} {
			t.Run(name+then, func(t *testing.T) {
				t.Parallel()
				d := pgtest.New(t)
				d.Exec(itemTable)
				w := newWorld(t, d, starRules, func(cfg *Config) {
					if then == "" {
						cfg.CatalogPoll = 50 * time.Millisecond
					}
				})
				w.start()
				w.compare(starTruth)
				d.Exec(ddl + then)
				w.until(func() bool { return w.store.Tables("default")[0].Generation > 1 })
				w.compare(starTruth)
				d.Exec("DELETE FROM items WHERE id = 7")
				w.compare(starTruth)
			})
		}
	}
}

// TestRewriteInMidSnapshot: a table that is rewritten between two chunks is read again from the front.
func TestRewriteInMidSnapshot(t *testing.T) {
	for _, rewrite := range []string{"VACUUM FULL items", "CLUSTER items USING items_pkey", "ALTER TABLE items ALTER v TYPE varchar(100)"} {
		t.Run(rewrite, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			d.Exec(itemTable + "INSERT INTO items SELECT i, 'more', 'x' FROM generate_series(100, 3000) i; DELETE FROM items WHERE id % 3 = 0")
			conn := d.Connect(t)
			var once sync.Once
			w := newWorld(t, d, itemRules, func(cfg *Config) {
				cfg.Snapshot.ChunkBytes = 8 << 10
				cfg.hooks.chunkRead = func(ctx context.Context, _ *buckets.Relation, _ int) {
					once.Do(func() {
						if _, err := conn.Exec(ctx, rewrite); err != nil {
							t.Error(err)
						}
					})
				}
			})
			w.start()
			w.compare(itemTruth)
			if got := w.store.Tables("default")[0].Generation; got < 2 {
				t.Errorf("generation %d, want another one after the rewrite", got)
			}
		})
	}
}

// TestUnfitTableIsWaitedFor: rules that name a table which is missing don't stop the others, and work once it is there.
func TestUnfitTableIsWaitedFor(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable)
	w := newWorld(t, d, itemRules, func(cfg *Config) { cfg.CatalogPoll = 50 * time.Millisecond })
	w.start()
	w.compare(itemTruth)
	w.deploy(itemRules + "      - SELECT id, v FROM later\n")
	w.until(func() bool { return len(w.source.Health().Faults) > 0 })
	if got := w.source.Health().Faults.Error(); !strings.Contains(got, `"public"."later", which does not exist`) {
		t.Errorf("fault %q", got)
	}
	d.Exec("UPDATE items SET v = 'meanwhile'; CREATE TABLE later (id int PRIMARY KEY, v text); INSERT INTO later VALUES (1, 'a')")
	w.compare(itemTruth, "SELECT 'later', id, json_build_object('id', id, 'v', v) FROM later")
	if h := w.source.Health(); len(h.Faults) > 0 {
		t.Errorf("faults %v", h.Faults)
	}
}

// TestIdentityMovesToAnotherIndex: the stream names deleted rows by columns that were no key when the table was read.
func TestIdentityMovesToAnotherIndex(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable + "ALTER TABLE items ADD code text; UPDATE items SET code = 'c' || id; ALTER TABLE items ALTER code SET NOT NULL, ADD UNIQUE (code)")
	w := newWorld(t, d, starRules, nil)
	w.start()
	w.compare(starTruth)
	d.Exec("ALTER TABLE items REPLICA IDENTITY USING INDEX items_code_key; DELETE FROM items WHERE id < 5; UPDATE items SET code = 'd' || id WHERE id = 6")
	w.until(func() bool { return w.store.Tables("default")[0].Generation > 1 })
	w.compare(starTruth)
	d.Exec("DELETE FROM items WHERE id = 7")
	w.compare(starTruth)
}
