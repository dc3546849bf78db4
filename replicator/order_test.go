package replicator

import (
	"strings"
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
)

const itemRules = `
bucket_definitions:
  all:
    data:
      - SELECT id, v, big FROM items
`

const itemTable = `
CREATE TABLE items (id int PRIMARY KEY, v text, big text);
ALTER TABLE items ALTER big SET STORAGE EXTERNAL;
INSERT INTO items SELECT i, 'v' || i, repeat(md5(i::text), 200) FROM generate_series(1, 40) i;
`

const itemTruth = "SELECT 'items', id, json_build_object('id', id, 'v', v, 'big', big) FROM items"

// TestOpenTransactions: one that is open across slot creation and one across ADD TABLE are not lost, and none that is only prepared: no
// snapshot lists those.
func TestOpenTransactions(t *testing.T) {
	modes(t, func(t *testing.T, mode func(*Config)) {
		server := pgtest.StartServer(t, pgtest.Options{Settings: map[string]string{"max_prepared_transactions": "2"}})
		d := pgtest.NewOn(t, server)
		d.Exec(itemTable + "CREATE TABLE later (id int PRIMARY KEY, v text); INSERT INTO later VALUES (1, 'a'); CREATE TABLE last (LIKE later INCLUDING ALL)")
		w := newWorld(t, d, itemRules, mode)
		early := d.Connect(t)
		execOn(t, early, "BEGIN; INSERT INTO items VALUES (100, 'open', NULL)")
		w.start()
		eventually(t, d, "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'walsender' AND $1::int = ANY(pg_blocking_pids(pid))", early.PgConn().PID())
		execOn(t, early, "COMMIT")
		w.compare(itemTruth)

		late := d.Connect(t)
		execOn(t, late, "BEGIN; INSERT INTO later VALUES (2, 'open')")
		w.deploy(itemRules + "      - SELECT id, v FROM later\n")
		eventually(t, d, "SELECT count(*) > 0 FROM pg_publication_tables WHERE pubname = $1 AND tablename = 'later'", w.cfg.Publication)
		execOn(t, late, "UPDATE later SET v = 'changed' WHERE id = 1; COMMIT")
		truth := []string{itemTruth, "SELECT 'later', id, json_build_object('id', id, 'v', v) FROM later"}
		w.compare(truth...)

		execOn(t, late, "BEGIN; INSERT INTO last VALUES (3, 'prepared'); PREPARE TRANSACTION 'one'")
		w.deploy(itemRules + "      - SELECT id, v FROM later\n      - SELECT id, v FROM last\n")
		w.until(func() bool {
			p := w.source.Progress()
			return len(p) > 0 && strings.Contains(p[len(p)-1].Waiting, "prepared transaction 'one'")
		})
		execOn(t, late, "COMMIT PREPARED 'one'")
		w.compare(append(truth, "SELECT 'last', id, json_build_object('id', id, 'v', v) FROM last")...)
	})
}

// TestPartitions: leaves are read and streamed as themselves, whatever the order of their columns, and sync under the root's name.
func TestPartitions(t *testing.T) {
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		d.Exec(`CREATE TABLE items (id int, v text, big text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
			CREATE TABLE items_a PARTITION OF items FOR VALUES FROM (0) TO (100);
			CREATE TABLE items_b (big text, gone int, v text, id int NOT NULL); ALTER TABLE items_b DROP gone;
			ALTER TABLE items ATTACH PARTITION items_b FOR VALUES FROM (100) TO (200);
			INSERT INTO items SELECT i, 'v' || i, 'big' || i FROM generate_series(1, 199) i`)
		w := newWorld(t, d, itemRules, mode)
		w.start()
		w.compare(itemTruth)
		d.Exec("DELETE FROM items WHERE id IN (5, 90, 105, 190); UPDATE items SET id = id + 100 WHERE id = 5; UPDATE items SET id = 190 WHERE id = 40")
		w.compare(itemTruth)
		d.Exec("TRUNCATE items_b; INSERT INTO items VALUES (150, 'x', 'y')")
		w.compare(itemTruth)
		d.Exec(`CREATE TABLE items_c PARTITION OF items FOR VALUES FROM (200) TO (300); INSERT INTO items VALUES (250, 'new', 'leaf')`)
		w.tracked(3)
		w.compare(itemTruth)
	})
}
