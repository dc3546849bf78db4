package replicator

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/replicator/pgtest"
)

// TestTableGoes: no event tells that a table was dropped, renamed or detached (postgres-facts 6). Its rows go, and come back with it;
// with one that is made again those that differ do.
func TestTableGoes(t *testing.T) {
	const leaves = `
		CREATE TABLE items (id int PRIMARY KEY, v text, big text) PARTITION BY RANGE (id);
		CREATE TABLE items_a PARTITION OF items FOR VALUES FROM (0) TO (100);
		CREATE TABLE items_b PARTITION OF items FOR VALUES FROM (100) TO (200);
		INSERT INTO items SELECT i, 'v' || i, 'big' || i FROM generate_series(90, 110) i;`
	for name, c := range map[string]struct{ before, change string }{
		"dropped and made again": {itemTable, `DROP TABLE items; ` + itemTable + ` UPDATE items SET v = 'again'; DELETE FROM items WHERE id = 3`},
		"renamed and back":       {itemTable, `ALTER TABLE items RENAME TO other`},
		"leaf detached":          {leaves, `ALTER TABLE items DETACH PARTITION items_b; UPDATE items_b SET v = 'unseen'`},
		"leaf dropped":           {leaves, `DROP TABLE items_b`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			modes(t, func(t *testing.T, mode func(*Config)) {
				d := pgtest.New(t)
				d.Exec(c.before)
				w := newWorld(t, d, itemRules, func(cfg *Config) {
					mode(cfg)
					cfg.CatalogPoll = 50 * time.Millisecond
				})
				w.start()
				w.compare(itemTruth)
				tables := w.store.Tables("default")
				d.Exec(c.change)
				truth := itemTruth
				if d.Value("SELECT count(*) FROM pg_class WHERE relname = 'items'") == "0" {
					truth = "SELECT 'items', id, NULL FROM other WHERE false"
				}
				w.until(func() bool {
					return w.gone(tables[len(tables)-1].Relation.OID) && w.complete() && cmp.Equal(w.truth(truth), w.rows())
				})
				switch name {
				case "renamed and back":
					d.Exec(`UPDATE other SET v = 'unseen' WHERE id = 2; ALTER TABLE other RENAME TO items`)
				case "leaf detached":
					d.Exec(`ALTER TABLE items ATTACH PARTITION items_b FOR VALUES FROM (100) TO (200)`)
				default:
					return
				}
				w.tracked(len(tables))
				w.until(w.complete)
				w.compare(itemTruth)
			})
		})
	}
}

// TestGiantTransaction: a transaction larger than the memory limit is staged in parts, seen at once, and stays whole over a restart.
func TestGiantTransaction(t *testing.T) {
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		d.Exec(itemTable)
		w := newWorld(t, d, itemRules, func(cfg *Config) {
			mode(cfg)
			cfg.Snapshot.MemoryLimit = 256 << 10
		})
		w.start()
		w.compare(itemTruth)
		d.Exec(`BEGIN;
			INSERT INTO items SELECT i, 'first', repeat('x', 200) FROM generate_series(1000, 6000) i;
			UPDATE items SET v = 'second' WHERE id % 2 = 0;
			UPDATE items SET id = id + 100000 WHERE id % 3 = 0;
			DELETE FROM items WHERE id % 5 = 0;
			COMMIT`)
		w.compare(itemTruth)
		d.Exec(`UPDATE items SET v = 'after' WHERE id < 2000`)
		w.stop()
		d.Exec(`BEGIN; UPDATE items SET v = 'while it was down'; TRUNCATE items;
			INSERT INTO items SELECT i, 'new', 'y' FROM generate_series(1, 5000) i; COMMIT`)
		w.start()
		w.compare(itemTruth)
	})
}
