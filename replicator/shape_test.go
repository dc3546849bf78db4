package replicator

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/replicator/pgtest"
)

// TestNoCheckpointBetweenShapes forces the order in which clients would see rows of two shapes side by side: the stream brings a row
// in the new shape while the planner has not looked at the catalog yet.
func TestNoCheckpointBetweenShapes(t *testing.T) {
	for name, ddl := range map[string]string{
		"add with default": "ALTER TABLE items ADD extra text DEFAULT 'seven'",
		"add":              "ALTER TABLE items ADD extra text",
		"drop":             "ALTER TABLE items DROP big",
		"rename a column":  "ALTER TABLE items RENAME v TO w",
		"retype":           "ALTER TABLE items ALTER v TYPE bigint USING id",
		"identity":         "ALTER TABLE items REPLICA IDENTITY FULL",
		"key":              "ALTER TABLE items DROP CONSTRAINT items_pkey; ALTER TABLE items ADD PRIMARY KEY (id, code)",
		"another in its place": `ALTER TABLE items RENAME TO away; CREATE TABLE items (LIKE away INCLUDING ALL);
			INSERT INTO items SELECT * FROM away WHERE id > 1; UPDATE away SET code = 2 WHERE id = 5`,
		"another in its place, and a column more": `ALTER TABLE items RENAME TO away; CREATE TABLE items (LIKE away INCLUDING ALL);
			INSERT INTO items SELECT * FROM away WHERE id > 1; ALTER TABLE away ADD extra int; UPDATE away SET code = 2 WHERE id = 5`,
		"into another schema": `CREATE SCHEMA other; ALTER TABLE items SET SCHEMA other; UPDATE other.items SET code = 2 WHERE id = 5;
			ALTER TABLE other.items SET SCHEMA public`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			d.Exec(itemTable + "ALTER TABLE items ADD code int NOT NULL DEFAULT 1")
			release := make(chan struct{})
			var hold atomic.Bool
			w := newWorld(t, d, starRules, func(cfg *Config) {
				cfg.hooks.planning = func(ctx context.Context) {
					if !hold.Load() {
						return
					}
					select {
					case <-release:
					case <-ctx.Done():
					}
				}
			})
			w.start()
			w.compare(starTruth)
			before, generation := w.rows(), w.store.Tables("default")[0].Generation
			hold.Store(true)
			d.Exec(ddl)
			d.Exec("UPDATE items SET code = 2 WHERE id = 3")
			head := w.catchUp(t.Context())
			if at := w.published(); at >= head {
				t.Errorf("checkpoint at %s, the change of shape ends at %s and nothing was read since", at, head)
			}
			if diff := cmp.Diff(before, w.rows()); diff != "" {
				t.Errorf("rows at the checkpoint before the table was read (-before +now):\n%s", diff)
			}
			close(release)
			w.compare(starTruth)
			if got := w.store.Tables("default")[0].Generation; got == generation {
				t.Errorf("generation %d, want another one", got)
			}
		})
	}
}

// TestColumnDroppedAndAddedAgain: the stream describes the table as before, yet no row has its old value.
func TestColumnDroppedAndAddedAgain(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable)
	w := newWorld(t, d, starRules, func(cfg *Config) { cfg.CatalogPoll = time.Hour })
	w.start()
	w.compare(starTruth)
	d.Exec("ALTER TABLE items DROP big; ALTER TABLE items ADD big text; UPDATE items SET v = 'x' WHERE id = 3")
	w.until(func() bool { return w.store.Tables("default")[0].Generation > 1 })
	w.compare(starTruth)
}
