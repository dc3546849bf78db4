package replicator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestOnlyWhatComesOrGoesIsSent: where tables and partitions come and go, their rows do, with one op each, and no others (I12). Of a table
// that is made again, or replaced by another one, only rows that differ are sent.
func TestOnlyWhatComesOrGoesIsSent(t *testing.T) {
	const rules = "bucket_definitions:\n  all:\n    data:\n      - SELECT id, v, 'items' AS kind FROM \"items%\" AS items\n"
	const leaves = `
		CREATE TABLE items (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
		CREATE TABLE items_a PARTITION OF items FOR VALUES FROM (0) TO (100);
		CREATE TABLE items_b PARTITION OF items FOR VALUES FROM (100) TO (200);
		CREATE TABLE fresh (id int PRIMARY KEY, v text);
		INSERT INTO items SELECT i, 'v' || i FROM generate_series(90, 110) i;
		INSERT INTO fresh SELECT i, 'v' || i FROM generate_series(201, 205) i;`
	const plain = `
		CREATE TABLE items (id int PRIMARY KEY, v text);
		CREATE TABLE other (id int PRIMARY KEY, v text);
		INSERT INTO items SELECT i, 'v' || i FROM generate_series(1, 40) i;
		INSERT INTO other SELECT i, 'v' || i FROM generate_series(101, 105) i;`
	named := strings.ReplaceAll(rules, "items%", "items")
	type step struct {
		change string
		ops    int
		table  string // that has all rows then, "" for none
	}
	for name, c := range map[string]struct {
		before, rules string
		steps         []step
	}{
		"leaf attached and detached": {leaves, named, []step{
			{"ALTER TABLE items ATTACH PARTITION fresh FOR VALUES FROM (200) TO (300)", 5, "items"},
			{"ALTER TABLE items DETACH PARTITION items_b", 11, "items"},
		}},
		"table comes to a wildcard": {plain, rules, []step{
			{"ALTER TABLE other RENAME TO items_more", 5, "(SELECT * FROM items UNION ALL SELECT * FROM items_more) AS x"},
			{
				"CREATE TABLE items_new (id int PRIMARY KEY, v text); INSERT INTO items_new VALUES (201, 'a'), (202, 'b')", 2,
				"(SELECT * FROM items UNION ALL SELECT * FROM items_more UNION ALL SELECT * FROM items_new) AS x",
			},
			{"DROP TABLE items_more", 5, "(SELECT * FROM items UNION ALL SELECT * FROM items_new) AS x"},
		}},
		"renamed and back": {plain, named, []step{
			{"ALTER TABLE items RENAME TO away", 40, ""},
			{"ALTER TABLE away RENAME TO items", 40, "items"},
		}},
		"dropped and made again": {plain, named, []step{
			{"BEGIN; CREATE TABLE made AS TABLE items; DROP TABLE items; ALTER TABLE made RENAME TO items; ALTER TABLE items ADD PRIMARY KEY (id); COMMIT", 0, "items"},
			{
				`BEGIN; CREATE TABLE made (LIKE items INCLUDING ALL); INSERT INTO made SELECT id, CASE id WHEN 3 THEN 'other' ELSE v END FROM items WHERE id > 1;
					INSERT INTO made VALUES (50, 'new'), (51, 'new'); DROP TABLE items; ALTER TABLE made RENAME TO items; COMMIT`, 4, "items",
			},
		}},
		"replaced by a table that was there": {plain, named, []step{
			{"CREATE TABLE made (LIKE items INCLUDING ALL); INSERT INTO made SELECT id, CASE id WHEN 3 THEN 'other' ELSE v END FROM items", 0, "items"},
			{"BEGIN; ALTER TABLE items RENAME TO away; ALTER TABLE made RENAME TO items; COMMIT", 1, "items"},
			{"BEGIN; ALTER TABLE items RENAME TO made; ALTER TABLE away RENAME TO items; COMMIT", 1, "items"},
		}},
		"replaced by a table of the wildcard": {plain, rules, []step{
			{"CREATE TABLE items_new (id int PRIMARY KEY, v text); INSERT INTO items_new VALUES (201, 'a'), (202, 'b')", 2, "(TABLE items UNION ALL TABLE items_new) AS x"},
			{"BEGIN; DROP TABLE items; ALTER TABLE items_new RENAME TO items; COMMIT", 40, "items"},
		}},
		"made again without a key at first": {plain, named, []step{
			{"BEGIN; CREATE TABLE made AS TABLE items; DROP TABLE items; ALTER TABLE made RENAME TO items; COMMIT", 0, "items"},
			{"UPDATE items SET v = 'other' WHERE id = 3; ALTER TABLE items ADD PRIMARY KEY (id)", 1, "items"},
		}},
		"made again with another key": {plain, named, []step{
			{"BEGIN; CREATE TABLE made AS TABLE items; DROP TABLE items; ALTER TABLE made RENAME TO items; ALTER TABLE items ADD PRIMARY KEY (id, v); COMMIT", 80, "items"},
		}},
		"made again, equal rows without a key": {
			`CREATE TABLE items (id int, v text); ALTER TABLE items REPLICA IDENTITY FULL; INSERT INTO items SELECT i, 'v' FROM generate_series(1, 20) i, generate_series(1, 2)`,
			named,
			[]step{{
				`BEGIN; CREATE TABLE made AS TABLE items; DROP TABLE items; ALTER TABLE made RENAME TO items; ALTER TABLE items REPLICA IDENTITY FULL;
					DELETE FROM items WHERE id = 7; INSERT INTO items VALUES (21, 'v'), (21, 'v'); COMMIT`, 2, "items",
			}},
		},
		"leaf made again": {leaves, named, []step{
			{
				`BEGIN; ALTER TABLE items DETACH PARTITION items_b; ALTER TABLE items_b RENAME TO away; CREATE TABLE items_b AS TABLE away;
					ALTER TABLE items_b ADD PRIMARY KEY (id); DELETE FROM items_b WHERE id = 105; DROP TABLE away;
					ALTER TABLE items ATTACH PARTITION items_b FOR VALUES FROM (100) TO (200); COMMIT`, 1, "items",
			},
		}},
		"partitioned table made again": {leaves, named, []step{
			{"DROP TABLE items;" + leaves[:strings.Index(leaves, "CREATE TABLE fresh")] + "INSERT INTO items SELECT i, 'v' || i FROM generate_series(91, 110) i", 1, "items"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			d.Exec(c.before)
			w := newWorld(t, d, c.rules, func(cfg *Config) { cfg.CatalogPoll = 50 * time.Millisecond })
			w.start()
			w.compare("SELECT 'items', id, json_build_object('id', id, 'v', v, 'kind', 'items') FROM items")
			for _, step := range c.steps {
				before := w.lastOp()
				d.Exec(step.change)
				truth := "SELECT 'items', NULL, NULL WHERE false"
				if step.table != "" {
					truth = fmt.Sprintf("SELECT 'items', id, json_build_object('id', id, 'v', v, 'kind', 'items') FROM %s", step.table)
				}
				want := before + buckets.OpID(step.ops)
				w.until(func() bool {
					noticed := w.current() || len(w.source.Health().Faults) > 0
					return noticed && w.lastOp() >= want && w.complete() && cmp.Equal(w.truth(truth), w.rows())
				})
				w.settle()
				if got := w.lastOp(); got != want {
					t.Errorf("%s: %d ops, want %d", step.change, got-before, step.ops)
				}
			}
		})
	}
}
