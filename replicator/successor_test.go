package replicator

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// remake has a table dropped and made again, as it is, in one transaction.
func remake(table string) string {
	return fmt.Sprintf(`BEGIN; LOCK TABLE %s; CREATE TABLE made (LIKE %[1]s INCLUDING ALL); INSERT INTO made SELECT * FROM %[1]s;
		DROP TABLE %[1]s; ALTER TABLE made RENAME TO %[1]s; ALTER INDEX made_pkey RENAME TO %[1]s_pkey; COMMIT`, table)
}

// TestTableReplacedAtEachStep: a table is made again, and once more at each step of the snapshot that this leads to, while it is written.
// Every checkpoint is a state that the source had, and the tracked tables stay the same.
func TestTableReplacedAtEachStep(t *testing.T) {
	for _, at := range []string{stepMarker, stepBegin, stepChunks, "read", stepSaved, stepFence, stepFenced} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			modes(t, func(t *testing.T, mode func(*Config)) { replaceAt(t, mode, at) })
		})
	}
}

func replaceAt(t *testing.T, mode func(*Config), at string) {
	d := pgtest.New(t)
	d.Exec(bankTables)
	conn := d.Connect(t)
	var armed, fired atomic.Bool
	var once sync.Once
	reach := func(name string) {
		if name == at && armed.Load() {
			once.Do(func() {
				if _, err := conn.Exec(context.Background(), remake("ledger")+";"+remake("accounts"), simple...); err != nil {
					t.Error(err)
				}
				fired.Store(true)
			})
		}
	}
	w := newWorld(t, d, bankRules, func(cfg *Config) {
		mode(cfg)
		cfg.CatalogPoll = 20 * time.Millisecond
		cfg.hooks.step = func(name string, _ buckets.TableID) { reach(name) }
		cfg.hooks.chunkRead = func(context.Context, *buckets.Relation, int) { reach("read") }
	})
	w.start()
	w.settle()
	before := w.store.Tables("default")
	stop := workload(t, d, seedOf(t), randomTransaction)
	armed.Store(true)
	d.Exec(remake("accounts"))
	d.Exec(remake("ledger"))
	w.until(func() bool { return fired.Load() && w.current() && w.complete() })
	stop()
	w.compare(bankTruth...)
	w.sameTables(before)
}

// sameTables fails the test if other tables are tracked than before.
func (w *world) sameTables(before []buckets.Table) {
	w.t.Helper()
	for i, tab := range w.store.Tables("default") {
		if i >= len(before) || tab.ID != before[i].ID {
			w.t.Errorf("table %d of relation %s is tracked anew", tab.ID, tab.Relation.Name)
		}
	}
}

// TestTableReplacedBehindAHeldStream: the stream still has changes of the old relation when the catalog shows the new one, and it has
// changes of the new one from the time when that was called otherwise, and from before its chunks.
func TestTableReplacedBehindAHeldStream(t *testing.T) {
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		d.Exec(itemTable)
		conn := d.Connect(t)
		var gate atomic.Pointer[chan struct{}]
		shut := func() { c := make(chan struct{}); gate.Store(&c) }
		open := func() {
			if c := gate.Swap(nil); c != nil {
				close(*c)
			}
		}
		var armed atomic.Bool
		var once sync.Once
		w := newWorld(t, d, itemRules, func(cfg *Config) {
			mode(cfg)
			cfg.Manual, cfg.CatalogPoll = true, 20*time.Millisecond
			cfg.hooks.received = func(*buckets.Transaction) {
				if c := gate.Load(); c != nil {
					<-*c
				}
			}
			cfg.hooks.step = func(name string, _ buckets.TableID) {
				switch {
				case !armed.Load():
				case name == stepMarker, name == stepFence:
					open()
				case name == stepChunks: // what chunks see is ahead of the stream
					once.Do(func() {
						shut()
						if _, err := conn.Exec(context.Background(), changedItems, simple...); err != nil {
							t.Error(err)
						}
					})
				}
			}
		})
		t.Cleanup(open)
		d.Exec(w.publication("CREATE PUBLICATION %p FOR ALL TABLES"))
		w.start()
		w.compare(itemTruth)
		armed.Store(true)
		shut()
		d.Exec(`CREATE TABLE made (LIKE items INCLUDING ALL); INSERT INTO made SELECT * FROM items; UPDATE made SET v = 'new' WHERE id = 2`)
		d.Exec(`UPDATE items SET v = 'old', id = id + 100 WHERE id < 5; DELETE FROM items WHERE id = 6; INSERT INTO items VALUES (7000, 'old', NULL)`)
		d.Exec(`BEGIN; ALTER TABLE items RENAME TO away; ALTER TABLE made RENAME TO items; COMMIT`)
		d.Exec(`UPDATE away SET v = 'unseen'; TRUNCATE away; INSERT INTO away VALUES (8000, 'unseen', NULL); DELETE FROM items WHERE id = 9`)
		w.until(w.current)
		w.compare(itemTruth)
		once.Do(func() { t.Error("no chunks were read") })
		d.Exec("INSERT INTO away VALUES (9000, 'unseen', NULL); UPDATE items SET v = 'after' WHERE id % 2 = 0")
		w.compare(itemTruth)
	})
}

// TestSuccessorIsAwayForAWhile: the relation that takes over is called otherwise when the catalog is looked at next, and back when its chunks
// are read. What the stream brings of it behind them counts, though the newest plan does not have it.
func TestSuccessorIsAwayForAWhile(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable)
	var armed, away atomic.Bool
	planned, release := make(chan struct{}), make(chan struct{})
	run := func(sql string) {
		if err := execute(context.Background(), d.URI(), sql); err != nil {
			t.Error(err)
		}
	}
	var w *world
	w = newWorld(t, d, itemRules, func(cfg *Config) {
		concurrent(cfg)
		cfg.CatalogPoll = 20 * time.Millisecond
		looks := 0
		cfg.hooks.planning = func(ctx context.Context) {
			if !away.Load() {
				return
			}
			if looks++; looks == 2 { // the first one is over: its plan does not have the relation
				close(planned)
			}
			if looks >= 2 {
				select {
				case <-release:
				case <-ctx.Done():
				}
			}
		}
		var begun, read sync.Once
		cfg.hooks.step = func(name string, _ buckets.TableID) {
			switch {
			case !armed.Load():
			case name == stepMarker:
				begun.Do(func() {
					run("ALTER TABLE items RENAME TO away")
					away.Store(true)
					<-planned
				})
			case name == stepBegin:
				run("ALTER TABLE away RENAME TO items")
			}
		}
		cfg.hooks.chunkRead = func(ctx context.Context, _ *buckets.Relation, _ int) {
			if armed.Load() {
				read.Do(func() {
					run("UPDATE items SET v = 'behind'")
					w.catchUp(ctx)
					close(release)
				})
			}
		}
	})
	w.start()
	w.compare(itemTruth)
	armed.Store(true)
	d.Exec(remake("items"))
	w.until(w.current)
	w.compare(itemTruth)
}

// TestTablesSwapNames: two tables that the rules read take each other's name, and back, while both are written. Neither replaces the other:
// each is read anew under its new name.
func TestTablesSwapNames(t *testing.T) {
	const swap = "BEGIN; ALTER TABLE items RENAME TO away; ALTER TABLE others RENAME TO items; ALTER TABLE away RENAME TO others; COMMIT;"
	const othersTruth = "SELECT 'others', id, json_build_object('id', id, 'v', v, 'big', big) FROM others"
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		d.Exec(itemTable + strings.ReplaceAll(itemTable, "items", "others") + "UPDATE others SET v = 'other'; DELETE FROM others WHERE id % 2 = 0")
		w := newWorld(t, d, itemRules+"  more:\n    data:\n      - SELECT id, v, big FROM others\n", func(cfg *Config) {
			mode(cfg)
			cfg.CatalogPoll = 20 * time.Millisecond
		})
		w.start()
		w.compare(itemTruth, othersTruth)
		for range 2 {
			d.Exec("UPDATE items SET v = 'before' WHERE id < 9; UPDATE others SET id = id + 700 WHERE id % 3 = 0;" + swap +
				"UPDATE items SET v = 'behind' WHERE id < 15; UPDATE others SET id = id + 900 WHERE id % 5 = 0; DELETE FROM others WHERE id = 7")
			w.until(w.current)
			w.compare(itemTruth, othersTruth)
		}
	})
}

// changedItems changes rows in each way, among them such that the stream leaves a long value out.
const changedItems = `UPDATE items SET v = 'changed' WHERE id % 5 = 0; UPDATE items SET id = id + 500 WHERE id % 7 = 0; DELETE FROM items WHERE id % 11 = 0;
	INSERT INTO items VALUES (11, 'again', NULL); BEGIN; UPDATE items SET id = -1 WHERE id = 1; UPDATE items SET id = 1 WHERE id = 40;
	UPDATE items SET id = 40 WHERE id = -1; COMMIT`

// TestTableReplacedWhileDown: weir was not there when the table was made again, nor for what was written before and behind that.
func TestTableReplacedWhileDown(t *testing.T) {
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		d.Exec(itemTable)
		w := newWorld(t, d, itemRules, mode)
		w.start()
		w.compare(itemTruth)
		before := w.lastOp()
		w.stop()
		d.Exec("UPDATE items SET v = 'before' WHERE id = 3;" + remake("items") + "; UPDATE items SET v = 'behind' WHERE id = 4; DELETE FROM items WHERE id = 5")
		w.start()
		w.until(w.current)
		w.compare(itemTruth)
		if got := w.lastOp() - before; got != 3 {
			t.Errorf("%d ops, want 3", got)
		}
	})
}

// TestKilledWhileATableIsReplaced: wherever a process is killed that takes on a table which was made again, the next one ends with what SQL
// says, and only rows that differ are sent.
func TestKilledWhileATableIsReplaced(t *testing.T) {
	for _, at := range []string{stepMarker, stepBegin, stepChunks, "checked", "read", stepSaved, stepFence, stepFenced, buckets.StepSweep} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			d.Exec(itemTable + ledgerTable)
			w := newWorld(t, d, itemRules+ledgerRules, concurrent)
			w.start()
			w.compare(itemTruth, ledgerTruth)
			before, tables := w.lastOp(), w.store.Tables("default")
			w.stop()
			d.Exec("UPDATE items SET v = 'before' WHERE id = 3;" + remake("items") + "; UPDATE items SET v = 'behind' WHERE id = 4; DELETE FROM items WHERE id = 5")
			v := &victim{At: at, N: 1, Path: w.path, URI: d.URI(), Slot: w.cfg.Slot, Pub: w.cfg.Publication, Rules: w.rules, Concurrent: true}
			v.run(t)
			d.Exec("UPDATE items SET v = 'later' WHERE id = 6")
			w.start()
			w.until(w.current)
			w.compare(itemTruth, ledgerTruth)
			if got := w.lastOp() - before; got != 4 {
				t.Errorf("%d ops, want 4", got)
			}
			w.sameTables(tables)
		})
	}
}
