package replicator

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// nested has leaves at two depths, in two schemas, with columns in other orders, and of two replica identities.
const nested = `
CREATE SCHEMA archive;
CREATE TABLE items (id int, v text, big text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE items_low PARTITION OF items FOR VALUES FROM (0) TO (100);
ALTER TABLE items_low REPLICA IDENTITY FULL, ALTER big SET STORAGE EXTERNAL;
CREATE TABLE archive.items_high (big text, v text, id int NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE archive.items_a PARTITION OF archive.items_high FOR VALUES FROM (100) TO (150);
ALTER TABLE archive.items_a ALTER big SET STORAGE EXTERNAL;
CREATE TABLE "items B" (v text, gone int, id int NOT NULL, big text);
ALTER TABLE "items B" DROP gone, ALTER big SET STORAGE EXTERNAL;
ALTER TABLE archive.items_high ATTACH PARTITION "items B" FOR VALUES FROM (150) TO (200);
ALTER TABLE items ATTACH PARTITION archive.items_high FOR VALUES FROM (100) TO (200);
INSERT INTO items SELECT i, 'v' || i, repeat(md5(i::text), 100) FROM generate_series(1, 199) i;
`

// moves has rows go from leaf to leaf, with values that are not sent again within one.
const moves = `
UPDATE items SET v = 'changed' WHERE id % 3 = 0;
BEGIN; DELETE FROM items WHERE id = 160;
UPDATE items SET id = 160 WHERE id = 10; UPDATE items SET id = 10 WHERE id = 120; UPDATE items SET id = 120 WHERE id = 160; COMMIT;
UPDATE items SET v = 'twice' WHERE id IN (10, 120);
`

// TestNestedPartitions: leaves of every depth are tracked as themselves and sync under the root's name; subtrees come and go.
func TestNestedPartitions(t *testing.T) {
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		d.Exec(nested)
		conn := d.Connect(t)
		var once sync.Once
		w := newWorld(t, d, itemRules, func(cfg *Config) {
			mode(cfg)
			cfg.CatalogPoll = 50 * time.Millisecond
			cfg.hooks.chunkRead = func(ctx context.Context, _ *buckets.Relation, _ int) {
				once.Do(func() {
					if _, err := conn.Exec(ctx, moves, simple...); err != nil {
						t.Error(err)
					}
				})
			}
		})
		w.start()
		w.compare(itemTruth)
		d.Exec(moves)
		w.compare(itemTruth)
		d.Exec("TRUNCATE archive.items_high; INSERT INTO items VALUES (105, 'x', 'y'), (195, 'x', 'y')")
		w.compare(itemTruth)

		d.Exec(`ALTER TABLE items DETACH PARTITION archive.items_high; UPDATE archive.items_high SET v = 'unseen'`)
		w.until(func() bool { return w.complete() && cmp.Equal(w.truth(itemTruth), w.rows()) })
		w.tracked(1)
		d.Exec(`ALTER TABLE items ATTACH PARTITION archive.items_high FOR VALUES FROM (100) TO (200); UPDATE items SET v = 'seen' WHERE id = 195`)
		w.tracked(3)
		w.compare(itemTruth)
		d.Exec(`CREATE TABLE items_rest PARTITION OF items DEFAULT PARTITION BY LIST (id); CREATE TABLE items_rest_all PARTITION OF items_rest DEFAULT;
			INSERT INTO items VALUES (1000, 'in a new subtree', '')`)
		w.tracked(4)
		w.compare(itemTruth)
		d.Exec("TRUNCATE items; INSERT INTO items VALUES (1, 'a', NULL), (101, 'b', NULL), (151, 'c', NULL), (1001, 'd', NULL)")
		w.compare(itemTruth)
	})
}
