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

// TestBackendsTerminated: sessions of a snapshot that are ended by someone else cost nothing but time, and no generation.
func TestBackendsTerminated(t *testing.T) {
	for name, terminate := range map[string]string{
		"walsender": "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL AND database = current_database()",
		"snapshot":  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'weir%snapshot%' AND datname = current_database()",
		"all":       "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'weir%' AND datname = current_database()",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			d.Exec(bankTables)
			conn := d.Connect(t)
			var chunks atomic.Int32
			w := newWorld(t, d, bankRules, func(cfg *Config) {
				concurrent(cfg)
				// In the middle of a chunk there is a session that reads; behind it there may be none, as a chunk that is cut costs its own.
				cfg.hooks.chunkChecked = func(ctx context.Context, _ *buckets.Relation) {
					if chunks.Add(1) != 3 {
						return
					}
					for hit := false; !hit; _ = pause(ctx, time.Millisecond) { // the stream may not have begun
						tag, err := conn.Exec(context.Background(), terminate)
						if err != nil {
							t.Errorf("%s: %v", terminate, err)
						}
						hit = err != nil || tag.RowsAffected() > 0
					}
				}
			})
			stop := workload(t, d, seedOf(t), randomTransaction)
			w.start()
			w.settle()
			stop()
			w.compare(bankTruth...)
			for _, table := range w.store.Tables("default") {
				if table.Generation != 1 {
					t.Errorf("table %s has generation %d", table.Relation.Name, table.Generation)
				}
			}
		})
	}
}

// TestServerCrashesUnderASnapshot: a chunk sees rows whose commits are not flushed. What is stored of it must be flushed before, or an
// immediate shutdown leaves rows in the store that the source never had, and no event ever removes them.
func TestServerCrashesUnderASnapshot(t *testing.T) {
	server := pgtest.StartServer(t, pgtest.Options{Settings: map[string]string{"wal_writer_delay": "10s"}})
	d := pgtest.NewOn(t, server)
	d.Exec(itemTable)
	app := d.Connect(t)
	execOn(t, app, "SET synchronous_commit = off")
	var wrote, crashed sync.Once
	down := make(chan struct{})
	w := newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.Snapshot = SnapshotConfig{Concurrent: true, Workers: 1} // one chunk, and nothing beside it that flushes
		cfg.hooks.chunkChecked = func(context.Context, *buckets.Relation) {
			wrote.Do(func() {
				if _, err := app.Exec(context.Background(), "INSERT INTO items VALUES (100, 'not flushed', NULL); DELETE FROM items WHERE id = 1", simple...); err != nil {
					t.Error(err)
				}
			})
		}
		cfg.hooks.step = func(name string, _ buckets.TableID) {
			if name == stepSaved {
				crashed.Do(func() {
					if err := server.Kill(context.Background()); err != nil {
						t.Error(err)
					}
					close(down)
				})
			}
		}
	})
	w.start()
	<-down
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.compare(itemTruth)
	d.Exec("UPDATE items SET v = 'behind the crash' WHERE id % 7 = 0")
	w.compare(itemTruth)
}
