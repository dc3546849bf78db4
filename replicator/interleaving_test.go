package replicator

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestInterleaving has those interleavings that break an obvious design (postgres-facts 11) which no other test forces:
//
//	 1  key swap during a snapshot             TestMoments, "key swap" ahead of the stream and between read and save
//	 1  the same behind the snapshot           here, "re-read while a commit is invisible"
//	 2  old image after a gap                  TestMoments, "before the first chunk/again"; buckets: TestOldGenerationCompletesNothing;
//	                                           here, "published anew behind a held stream"
//	 3  deploy without Barrier                 here, "deploy while a commit is invisible"
//	 4  schema restart                         here, "retype behind a held stream"; TestDDL
//	 5  tombstones until the fence             TestMoments, "delete"; buckets: TestStreamWins
//	 6  sweep before the fence                 buckets: TestSweepWaitsForTheFence
//	 7  partial flush of a big transaction     TestKilledAt/staged; buckets: TestStagedTransactionSurvivesCrashes
//	 8  late op                                buckets: TestNoCheckpointWhileStaging
//	 9  a definition that returns              buckets: TestReturningDefinitionIsNew
//	10  two tracked tables                     here, "two tracked tables of one relation"
//	11  equal rows without a unique key        TestEqualRows
//	12  crash with the WAL acknowledged        TestKilledAt, TestServerCrashesUnderASnapshot
//	13  write checkpoints while the gate shut  buckets: TestWriteCheckpointWaitsForTheGate
//	14  sequential mode keeps WAL              TestWALUnderASnapshot/sequential
func TestInterleaving(t *testing.T) {
	t.Run("deploy while a commit is invisible", deployWhileInvisible)
	t.Run("re-read while a commit is invisible", rereadWhileInvisible)
	t.Run("published anew behind a held stream", publishedAnewBehindAHeldStream)
	t.Run("retype behind a held stream", retypeBehindAHeldStream)
	t.Run("two tracked tables of one relation", twoTrackedTables)
}

// unseen runs a transaction that waits for a standby which never comes: it is streamed, and readers still see what was before. committed has
// its error once synchronous_standby_names is empty.
func unseen(t *testing.T, table, sql string, change func(*Config)) (d *pgtest.Database, w *world, committed chan error) {
	t.Helper()
	server := pgtest.StartServer(t, pgtest.Options{Settings: map[string]string{"synchronous_standby_names": "nobody", "synchronous_commit": "local"}})
	d = pgtest.NewOn(t, server)
	d.Exec(table)
	w = newWorld(t, d, itemRules, change)
	w.start()
	w.compare(itemTruth)
	writer := d.Connect(t)
	execOn(t, writer, "SET synchronous_commit = on")
	committed = make(chan error, 1)
	go func() {
		_, err := writer.Exec(context.Background(), sql, simple...)
		committed <- err
	}()
	return d, w, committed
}

// deleteUnseen deletes row 1, so that it is gone from the store, while readers still see it.
func deleteUnseen(t *testing.T) (d *pgtest.Database, w *world, committed chan error) {
	t.Helper()
	d, w, committed = unseen(t, itemTable, "DELETE FROM items WHERE id = 1", nil)
	w.until(func() bool { return w.rows()["items 1"] == nil })
	return d, w, committed
}

// deployWhileInvisible: a DELETE is streamed and applied while its commit waits for a standby, so readers still see the row. A table that
// is tracked now must not read it: no event would ever remove it.
func deployWhileInvisible(t *testing.T) {
	d, w, committed := deleteUnseen(t)
	if got := d.Value("SELECT count(*) FROM items WHERE id = 1"); got != "1" {
		t.Fatal("the row is gone: the order was not forced")
	}
	w.deploy(itemRules + "  more:\n    data:\n      - SELECT id, v AS w FROM items AS more\n")
	w.until(func() bool { // it waits and says so, or has read the row
		p := w.source.Progress()
		return len(p) == 2 && (p[1].Waiting != "" || p[1].Phase == buckets.Done)
	})
	d.Exec("ALTER SYSTEM SET synchronous_standby_names = ''")
	d.Exec("SELECT pg_reload_conf()")
	if err := <-committed; err != nil {
		t.Fatal(err)
	}
	w.compare(itemTruth, "SELECT 'more', id, json_build_object('id', id, 'w', v) FROM items")
}

// rereadWhileInvisible: two rows swap their keys, with values that the store does not keep. Who reads them again before the commit is visible
// gets, under each key, the value of the other row, and no event ever corrects that.
func rereadWhileInvisible(t *testing.T) {
	var read atomic.Bool
	d, w, committed := unseen(t, unkeptTable, `BEGIN; UPDATE items SET id = -1 WHERE id = 1; UPDATE items SET id = 1 WHERE id = 2;
		UPDATE items SET id = 2 WHERE id = -1; COMMIT`, func(cfg *Config) {
		cfg.hooks.step = func(name string, _ buckets.TableID) {
			if name == stepReread {
				read.Store(true)
			}
		}
	})
	w.until(func() bool { return w.source.Progress()[0].Waiting != "" || read.Load() })
	d.Exec("ALTER SYSTEM SET synchronous_standby_names = ''")
	d.Exec("SELECT pg_reload_conf()")
	if err := <-committed; err != nil {
		t.Fatal(err)
	}
	w.compare(itemTruth)
}

// heldStream keeps back what the stream brings while holding is set, until somebody awaits it: behind a marker that nobody awaits, chunks
// would have been read by the time of the fence.
type heldStream struct {
	holding  atomic.Bool
	released chan struct{}
	release  func()
}

func newHeldStream() *heldStream {
	h := &heldStream{released: make(chan struct{})}
	h.release = sync.OnceFunc(func() { close(h.released) })
	return h
}

func (h *heldStream) hook(cfg *Config) {
	cfg.hooks.received = func(*buckets.Transaction) {
		if h.holding.Load() {
			<-h.released
		}
	}
	cfg.hooks.step = func(name string, _ buckets.TableID) {
		if h.holding.Load() && (name == stepMarker || name == stepFence) {
			h.release()
		}
	}
}

// publishedAnewBehindAHeldStream: a table was in the publication for a while, and the stream has not come to that. What it then brings is
// older than what chunks read, and there is nothing of the time in between.
func publishedAnewBehindAHeldStream(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable + "CREATE TABLE later (id int PRIMARY KEY, v text); INSERT INTO later VALUES (1, 'a'), (2, 'b')")
	held := newHeldStream()
	w := newWorld(t, d, itemRules, held.hook)
	t.Cleanup(held.release)
	w.start()
	w.settle()
	held.holding.Store(true)
	d.Exec(w.publication("ALTER PUBLICATION %p ADD TABLE later"))
	d.Exec("UPDATE later SET v = 'before'")
	d.Exec(w.publication("ALTER PUBLICATION %p DROP TABLE later"))
	d.Exec("UPDATE later SET v = 'unheard of'; DELETE FROM later WHERE id = 2")
	w.deploy(itemRules + "      - SELECT id, v FROM later\n")
	w.compare(itemTruth, "SELECT 'later', id, json_build_object('id', id, 'v', v) FROM later")
}

// retypeBehindAHeldStream: the catalog shows a type that the stream has not come to. What it still brings in the old form must not stand
// over what chunks read in the new one.
func retypeBehindAHeldStream(t *testing.T) {
	d := pgtest.New(t)
	d.Exec("CREATE TABLE items (id int PRIMARY KEY, v timestamp, big text); INSERT INTO items SELECT i, '2019-01-01' FROM generate_series(1, 40) i")
	held := newHeldStream()
	w := newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.CatalogPoll = 20 * time.Millisecond
		held.hook(cfg)
	})
	t.Cleanup(held.release)
	w.start()
	w.settle()
	held.holding.Store(true)
	d.Exec("UPDATE items SET v = '2020-01-01 00:00:00' WHERE id <= 20")
	d.Exec("SET timezone = 'UTC'; ALTER TABLE items ALTER v TYPE timestamptz")
	w.until(func() bool { return w.store.Tables("default")[0].Generation > 1 })
	w.compare(`SELECT 'items', id, json_build_object('id', id, 'v', to_char(v AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"'), 'big', big) FROM items`)
}

// twoTrackedTables: a relation is complete for one definition while it is read for another. Changes concern both, each under its own rule;
// another shape of the relation begins both anew.
func twoTrackedTables(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable)
	conn := d.Connect(t)
	var armed atomic.Bool
	var once sync.Once
	var w *world
	w = newWorld(t, d, starRules, func(cfg *Config) {
		concurrent(cfg)
		cfg.hooks.chunkRead = func(ctx context.Context, _ *buckets.Relation, _ int) {
			if !armed.Load() {
				return
			}
			once.Do(func() {
				_, err := conn.Exec(ctx, `BEGIN; UPDATE items SET id = -1 WHERE id = 1; UPDATE items SET id = 1 WHERE id = 40;
					UPDATE items SET id = 40 WHERE id = -1; COMMIT; DELETE FROM items WHERE id = 2; UPDATE items SET v = 'x' WHERE id = 3`, simple...)
				if err != nil {
					t.Error(err)
				}
				w.catchUp(ctx)
			})
		}
	})
	w.start()
	w.compare(starTruth)
	armed.Store(true)
	more := "SELECT 'more', id, row_to_json(items) FROM items"
	w.deploy(starRules + "  more:\n    data:\n      - SELECT * FROM items AS more\n")
	w.compare(starTruth, more)
	if tables := w.store.Tables("default"); len(tables) != 2 || tables[0].Generation != 1 {
		t.Fatalf("tracked tables: %+v; want two, the first not read again", tables)
	}
	d.Exec("ALTER TABLE items ADD extra int DEFAULT 7; UPDATE items SET v = 'y' WHERE id = 4")
	w.until(func() bool {
		tables := w.store.Tables("default")
		return tables[0].Generation > 1 && tables[1].Generation > 1
	})
	w.compare(starTruth, more)
}
