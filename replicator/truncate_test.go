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

const truncateTables = `
CREATE TABLE parents (id int PRIMARY KEY, v text);
CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents, v text);
CREATE TABLE lone (id serial PRIMARY KEY, v text);
CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE TABLE parted_b PARTITION OF parted FOR VALUES FROM (100) TO (200);
`

// refill puts rows into all tables.
const refill = `
INSERT INTO parents SELECT i, repeat('p', 400) FROM generate_series(1, 120) i;
INSERT INTO children SELECT i, i % 100 + 1, repeat('c', 400) FROM generate_series(1, 120) i;
INSERT INTO lone (v) SELECT repeat('l', 400) FROM generate_series(1, 120) i;
INSERT INTO parted SELECT i, repeat('a', 400) FROM generate_series(1, 199) i;
`

const truncateRules = `
bucket_definitions:
  all:
    data:
      - SELECT id, v FROM parents
      - SELECT id, parent, v FROM children
      - SELECT id, v FROM lone
      - SELECT id, v FROM parted
`

var truncateTruth = []string{
	"SELECT 'parents', id, json_build_object('id', id, 'v', v) FROM parents",
	"SELECT 'children', id, json_build_object('id', id, 'parent', parent, 'v', v) FROM children",
	"SELECT 'lone', id, json_build_object('id', id, 'v', v) FROM lone",
	"SELECT 'parted', id, json_build_object('id', id, 'v', v) FROM parted",
}

// TestTruncateOfSeveral: one TRUNCATE empties several tables, those that depend on them, leaves and roots, between two chunks of theirs and when
// they are complete. At no checkpoint has only a part of them been emptied (I1).
func TestTruncateOfSeveral(t *testing.T) {
	for name, change := range map[string]string{
		"list":         "TRUNCATE parents, children, lone, parted",
		"cascade":      "TRUNCATE parents, lone RESTART IDENTITY CASCADE; INSERT INTO lone (v) VALUES ('first again')",
		"leaf":         "TRUNCATE parted_a; INSERT INTO parted VALUES (7, 'again')",
		"leaf and all": "TRUNCATE parted_b, lone; UPDATE parted SET id = id + 100 WHERE id < 20",
		"and refilled": "BEGIN; TRUNCATE parents, parted CASCADE; INSERT INTO parents VALUES (5, 'again'); INSERT INTO children VALUES (9, 5, 'again'); INSERT INTO parted VALUES (150, 'again'); COMMIT",
		"rolled back":  "BEGIN; TRUNCATE parents, parted CASCADE; ROLLBACK",
		"to a savepoint": `BEGIN; SAVEPOINT s; TRUNCATE parents CASCADE; INSERT INTO parents VALUES (1, 'undone'); ROLLBACK TO s;
			TRUNCATE children; UPDATE parents SET v = 'kept' WHERE id = 3; COMMIT`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			modes(t, func(t *testing.T, mode func(*Config)) {
				d := pgtest.New(t)
				d.Exec(truncateTables + refill)
				var w *world
				var once sync.Once
				w = newWorld(t, d, truncateRules, func(cfg *Config) {
					mode(cfg)
					cfg.Snapshot.ChunkBytes = 16 << 10
					chunks := map[string]int{}
					var mu sync.Mutex
					cfg.hooks.chunkRead = func(ctx context.Context, rel *buckets.Relation, _ int) {
						mu.Lock()
						chunks[rel.Name]++
						second := chunks[rel.Name] == 2
						mu.Unlock()
						if !second {
							return
						}
						once.Do(func() {
							if err := execute(ctx, d.URI(), change); err != nil {
								t.Error(err)
							}
							if cfg.Snapshot.Concurrent {
								w.catchUp(ctx)
							}
						})
					}
				})
				w.start()
				w.compare(truncateTruth...)
				once.Do(func() { t.Error("no table had two chunks") })
				for range 2 {
					d.Exec("TRUNCATE parents, lone, parted CASCADE;" + refill)
					w.compare(truncateTruth...)
					before := w.counts()
					d.Exec(change)
					after := count(w.truth(truncateTruth...))
					w.until(func() bool {
						got := w.counts()
						if got != before && got != after {
							t.Fatalf("a checkpoint has %s rows; before there were %s, now there are %s", got, before, after)
						}
						return got == after && w.complete()
					})
					w.compare(truncateTruth...)
				}
			})
		})
	}
}

// counts tells how many rows of each table clients see.
func (w *world) counts() string {
	w.t.Helper()
	return count(w.rows())
}

func count(rows map[string]map[string]any) string {
	n := map[string]int{}
	for id := range rows {
		table, _, _ := strings.Cut(id, " ")
		n[table]++
	}
	return fmt.Sprint(n)
}
