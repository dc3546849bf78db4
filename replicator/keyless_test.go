package replicator

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

const bagRules = `
bucket_definitions:
  all:
    data:
      - SELECT kind AS id, kind, v, at, n, big FROM bag
`

// bagTable has rows that are equal, NULLs, empty texts, numbers that are equal but not the same text, and types without an equality.
const bagTable = `
CREATE TABLE bag (kind text, v json, at point, n numeric, big text);
ALTER TABLE bag REPLICA IDENTITY FULL;
ALTER TABLE bag ALTER big SET STORAGE EXTERNAL;
INSERT INTO bag SELECT 'k' || i % 10, '{"a":1}', '(1,2)', 1.0, repeat('x', 3000) FROM generate_series(1, 40) i;
INSERT INTO bag VALUES ('null', NULL, NULL, NULL, NULL), ('null', NULL, NULL, NULL, NULL), ('empty', NULL, NULL, NULL, ''),
  ('one', NULL, NULL, 1.0, NULL), ('two', NULL, NULL, 1.00, NULL), ('odd', '["\\", "a,b(c)"]', NULL, 2, E'a\\"(,)\n'), ('odd', '["\\", "a,b(c)"]', NULL, 2, E'a\\"(,)\n');
`

const bagTruth = `SELECT DISTINCT 'bag', kind, json_build_object('id', kind, 'kind', kind, 'v', v::text, 'at', at::text, 'n', n::text, 'big', big)::text FROM bag`

// takeOne deletes one of several equal rows.
const takeOne = "DELETE FROM bag WHERE ctid IN (SELECT min(ctid) FROM bag WHERE kind = '%s');"

// TestEqualRows: of rows that are equal one can go, in any phase of the snapshot, and clients lose theirs with the last one.
func TestEqualRows(t *testing.T) {
	for name, change := range map[string]string{
		"one of several": fmt.Sprintf(takeOne, "k1") + fmt.Sprintf(takeOne, "null") + fmt.Sprintf(takeOne, "odd"),
		"all":            "DELETE FROM bag WHERE kind IN ('k1', 'null', 'odd', 'empty')",
		"all but one":    strings.Repeat(fmt.Sprintf(takeOne, "k2"), 3),
		"update":         "UPDATE bag SET n = n + 1 WHERE kind = 'k3'; UPDATE bag SET kind = 'k5' WHERE kind = 'k4'",
		"no change":      "UPDATE bag SET n = n",
		"insert":         "INSERT INTO bag SELECT * FROM bag",
		"again":          "DELETE FROM bag WHERE kind = 'two'; INSERT INTO bag VALUES ('two', NULL, NULL, 1.00, NULL)",
		"truncate":       "TRUNCATE bag; INSERT INTO bag VALUES ('k1', NULL, NULL, 1, NULL), ('k1', NULL, NULL, 1, NULL)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			modes(t, func(t *testing.T, mode func(*Config)) {
				d := pgtest.New(t)
				d.Exec(bagTable)
				conn := d.Connect(t)
				var w *world
				var once sync.Once
				made := make(chan struct{})
				w = newWorld(t, d, bagRules, func(cfg *Config) {
					mode(cfg)
					cfg.hooks.chunkRead = func(ctx context.Context, _ *buckets.Relation, _ int) {
						once.Do(func() {
							defer close(made)
							if _, err := conn.Exec(ctx, change, simple...); err != nil {
								t.Error(err)
							}
							if cfg.Snapshot.Concurrent {
								w.catchUp(ctx)
							}
						})
					}
				})
				w.start()
				w.compare(bagTruth)
				<-made         // a truncated table is complete at once, while its chunk is still being read
				d.Exec(change) // and once more when the table is complete
				w.compare(bagTruth)
				w.stop()
				w.start()
				d.Exec(fmt.Sprintf(takeOne, "k7") + "DELETE FROM bag WHERE kind = 'k8'")
				w.compare(bagTruth)
			})
		})
	}
}

// TestInsertOnlyTable: a table without an identity that somebody else published is taken; Postgres refuses its updates itself.
func TestInsertOnlyTable(t *testing.T) {
	for _, identity := range []string{"DEFAULT", "NOTHING"} {
		t.Run(identity, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			d.Exec("CREATE TABLE bag (kind text, v json, at point, n numeric, big text); ALTER TABLE bag REPLICA IDENTITY " + identity)
			d.Exec("INSERT INTO bag VALUES ('a', NULL, NULL, 1, NULL), ('a', NULL, NULL, 1, NULL)")
			w := newWorld(t, d, bagRules, nil)
			d.Exec(w.publication("CREATE PUBLICATION %p FOR TABLE bag"))
			w.start()
			w.compare(bagTruth)
			d.Exec("INSERT INTO bag VALUES ('b', NULL, NULL, 1, NULL), ('a', NULL, NULL, 1, NULL)")
			w.compare(bagTruth)
			d.Exec("TRUNCATE bag; INSERT INTO bag VALUES ('c', NULL, NULL, 1, NULL)")
			w.compare(bagTruth)
			if _, err := d.Connect(t).Exec(t.Context(), "DELETE FROM bag"); code(err) != "55000" {
				t.Errorf("delete: %v; want Postgres to refuse it", err)
			}
		})
	}
}
