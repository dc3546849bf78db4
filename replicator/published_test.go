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

// TestPublicationChangedWhileDown: what was left out of the stream while nobody looked is noticed at the next start, since a tracked
// table remembers how it was published (I13).
func TestPublicationChangedWhileDown(t *testing.T) {
	for name, c := range map[string]struct{ change, back string }{
		"table out and in": {"ALTER PUBLICATION %p DROP TABLE items", "ALTER PUBLICATION %p ADD TABLE items"},
		"flags off and on": {"ALTER PUBLICATION %p SET (publish = 'insert')", "ALTER PUBLICATION %p SET (publish = 'insert,update,delete,truncate')"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			d.Exec(itemTable)
			w := newWorld(t, d, itemRules, nil)
			w.start()
			w.compare(itemTruth)
			w.stop()
			d.Exec(w.publication(c.change))
			d.Exec("UPDATE items SET v = 'unseen'; DELETE FROM items WHERE id < 3")
			d.Exec(w.publication(c.back))
			w.start()
			w.until(func() bool { return w.store.Tables("default")[0].Generation > 1 })
			w.compare(itemTruth)
			w.stop()
			w.start() // and only once
			w.compare(itemTruth)
			if gen := w.store.Tables("default")[0].Generation; gen != 2 {
				t.Errorf("generation %d after another restart, want 2", gen)
			}
		})
	}
}

// TestColumnListAndRowFilter: what somebody else's publication leaves out never arrives, neither by chunks nor by the stream nor by a re-read;
// rows that begin or cease to match come and go; and another list or filter has the table read again.
func TestColumnListAndRowFilter(t *testing.T) {
	for name, c := range map[string]struct{ ddl, publish, truth, change, again, truthAgain string }{
		"list and filter": {
			ddl:     "ALTER TABLE items ADD twice int GENERATED ALWAYS AS (id * 2) STORED",
			publish: "CREATE PUBLICATION %p FOR TABLE items (id, v, big) WHERE (id < 1000)",
			truth:   "SELECT 'items', id, json_build_object('id', id, 'v', v, 'big', big) FROM items WHERE id < 1000",
			change: `UPDATE items SET id = id + 5000, hidden = 'x' WHERE id % 4 = 0 AND id < 1000; UPDATE items SET hidden = 'y', v = 'moved' WHERE id % 3 = 0;
				UPDATE items SET id = id - 1900, v = 'in' WHERE id IN (SELECT min(id) FROM items WHERE id > 1900 AND id < 3000)`,
			again: "ALTER PUBLICATION %p SET TABLE items (id, v) WHERE (id < 20)", truthAgain: "SELECT 'items', id, json_build_object('id', id, 'v', v) FROM items WHERE id < 20",
		},
		"filter under full": {
			ddl:     "ALTER TABLE items REPLICA IDENTITY FULL",
			publish: "CREATE PUBLICATION %p FOR TABLE items WHERE (v IS DISTINCT FROM 'hide')",
			truth:   "SELECT 'items', id, to_jsonb(items) FROM items WHERE v IS DISTINCT FROM 'hide'",
			change:  "UPDATE items SET v = CASE WHEN v = 'hide' THEN 'show' ELSE 'hide' END WHERE id % 4 = 0; UPDATE items SET v = NULL WHERE id % 5 = 0",
			again:   "ALTER PUBLICATION %p SET TABLE items WHERE (id > 5)", truthAgain: "SELECT 'items', id, to_jsonb(items) FROM items WHERE id > 5",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			modes(t, func(t *testing.T, mode func(*Config)) {
				d := pgtest.New(t)
				if d.Value("SELECT current_setting('server_version_num')::int < 150000") == "t" {
					t.Skip("the server has no column lists and row filters")
				}
				d.Exec(itemTable + `INSERT INTO items SELECT i, 'out', repeat(md5(i::text), 200) FROM generate_series(2001, 2010) i;
					ALTER TABLE items ADD hidden text DEFAULT 'hidden'; ` + c.ddl)
				conn := d.Connect(t)
				var once sync.Once
				w := newWorld(t, d, starRules, func(cfg *Config) {
					mode(cfg)
					cfg.CatalogPoll = 50 * time.Millisecond
					cfg.hooks.chunkRead = func(ctx context.Context, _ *buckets.Relation, _ int) {
						once.Do(func() {
							if _, err := conn.Exec(ctx, c.change, simple...); err != nil {
								t.Error(err)
							}
						})
					}
				})
				d.Exec(w.publication(c.publish))
				w.start()
				w.compare(c.truth)
				d.Exec("UPDATE items SET id = id + 10000 WHERE id % 7 = 1 AND id < 1000;" + c.change)
				w.compare(c.truth)
				generation := w.store.Tables("default")[0].Generation
				d.Exec(w.publication(c.again))
				w.until(func() bool { return w.store.Tables("default")[0].Generation > generation })
				w.compare(c.truthAgain)
				d.Exec("UPDATE items SET id = id + 20000, v = 'later' WHERE id % 7 = 0")
				w.compare(c.truthAgain)
			})
		})
	}
}

// TestGeneratedColumns: the stream leaves them out unless the publication has them, and so do chunks: rules see the same columns on every path.
func TestGeneratedColumns(t *testing.T) {
	for name, with := range map[string]string{"": "", "published": " WITH (publish_generated_columns = stored)"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			if with != "" && d.Value("SELECT current_setting('server_version_num')::int < 180000") == "t" {
				t.Skip("the server publishes no generated columns")
			}
			d.Exec(itemTable + "ALTER TABLE items ADD twice int GENERATED ALWAYS AS (id * 2) STORED, ADD last int DEFAULT 3")
			w := newWorld(t, d, starRules, nil)
			d.Exec(w.publication("CREATE PUBLICATION %p FOR TABLE items" + with))
			truth := "SELECT 'items', id, to_jsonb(items) - 'twice' FROM items"
			if with != "" {
				truth = "SELECT 'items', id, to_jsonb(items) FROM items"
			}
			w.start()
			w.compare(truth)
			d.Exec("UPDATE items SET id = id + 100 WHERE id < 5; UPDATE items SET v = 'x' WHERE id = 6; INSERT INTO items VALUES (7000, 'new', NULL)")
			w.compare(truth)
		})
	}
}

// TestRowLevelSecurity: a table whose policies would hide rows is refused, with what to do; with BYPASSRLS all its rows are read.
func TestRowLevelSecurity(t *testing.T) {
	d := pgtest.New(t)
	role := "limited_" + d.Name
	d.Exec(itemTable + "ALTER TABLE items ENABLE ROW LEVEL SECURITY; CREATE POLICY odd ON items USING (id % 2 = 1);" +
		"CREATE ROLE " + role + " LOGIN REPLICATION PASSWORD 'p'; GRANT SELECT ON items TO " + role)
	w := newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.URI = withUser(t, d.URI(), role, "p")
		cfg.CatalogPoll = 50 * time.Millisecond
	})
	d.Exec(w.publication("CREATE PUBLICATION %p FOR TABLE items"))
	w.start()
	w.until(func() bool { return len(w.source.Health().Faults) > 0 })
	if got := w.source.Health().Faults[0]; !strings.Contains(got.Message, "row-level security") || got.Hint != `ALTER ROLE "`+role+`" BYPASSRLS` {
		t.Errorf("fault %q, hint %q", got.Message, got.Hint)
	}
	if tables := w.store.Tables("default"); len(tables) > 0 {
		t.Errorf("tables are tracked: %+v", tables)
	}
	d.Exec("ALTER ROLE " + role + " BYPASSRLS")
	w.compare(itemTruth)
	d.Exec("UPDATE items SET v = 'x' WHERE id % 3 = 0; DELETE FROM items WHERE id = 4")
	w.compare(itemTruth)
	w.stop()
	d.Exec("DROP OWNED BY " + role + "; DROP ROLE " + role)
}
