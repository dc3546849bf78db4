package replicator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// swapped changes two keys, with values that are not sent again: if that happens before a table's chunks, there are rows to repair.
const swapped = `BEGIN; LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE; UPDATE accounts SET id = -1 WHERE id = 3; UPDATE accounts SET id = 3 WHERE id = 300;
	UPDATE accounts SET id = 300 WHERE id = -1; COMMIT`

// disturbance is something that happens once, when a source comes to a point for the n-th time.
type disturbance struct {
	at    string
	n     int32
	cause func(ctx context.Context) error

	seen, fired atomic.Int32
	prepare     sync.Once
	mu          sync.Mutex // held while it happens, and while rows swap their keys, whose session it would end
}

// disturb sets the hooks; once the first chunks begin, it has rows of accounts swap their keys.
func (e *disturbance) disturb(t *testing.T, uri string, h *hooks) {
	reach := func(ctx context.Context, at string) {
		if at == e.at && e.seen.Add(1) == e.n {
			e.mu.Lock()
			defer e.mu.Unlock()
			if err := e.cause(ctx); err != nil {
				t.Errorf("at %s: %v", at, err)
			}
			e.fired.Store(1)
		}
	}
	h.step = func(name string, _ buckets.TableID) {
		if name == stepChunks {
			e.prepare.Do(func() {
				e.mu.Lock()
				defer e.mu.Unlock()
				if err := execute(context.Background(), uri, swapped); err != nil {
					t.Error(err)
				}
			})
		}
		reach(context.Background(), name)
	}
	h.chunkChecked = func(ctx context.Context, _ *buckets.Relation) { reach(ctx, "checked") }
	h.chunkRead = func(ctx context.Context, _ *buckets.Relation, _ int) { reach(ctx, "read") }
	h.received = func(*buckets.Transaction) { reach(context.Background(), "received") }
}

// everywhere are the points of a snapshot and of the stream beside it, and the time at which they disturb most.
var everywhere = []struct {
	at string
	n  int32
}{
	{stepBegin, 2}, {"checked", 3}, {"read", 3}, {stepSaved, 3}, {stepReread, 1}, {stepFenced, 2}, {"received", 5},
}

// TestBackendsTerminated: sessions of a snapshot that are ended by someone else cost nothing but time, and no generation.
func TestBackendsTerminated(t *testing.T) {
	const walsender = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL AND database = current_database()"
	const sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%s' AND datname = current_database()"
	play := func(name, at string, n int32, terminate string) {
		t.Run(name+" "+at, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			d.Exec(bankTables)
			conn := d.Connect(t)
			e := &disturbance{at: at, n: n, cause: func(ctx context.Context) error {
				for { // the stream may not have begun
					tag, err := conn.Exec(context.Background(), terminate)
					if err != nil || tag.RowsAffected() > 0 {
						return err
					}
					if err := pause(ctx, time.Millisecond); err != nil {
						return err
					}
				}
			}}
			w := newWorld(t, d, bankRules, func(cfg *Config) {
				concurrent(cfg)
				e.disturb(t, d.URI(), &cfg.hooks)
			})
			stop := workload(t, d, seedOf(t), randomTransaction)
			w.start()
			w.until(func() bool { return e.fired.Load() > 0 && w.complete() })
			stop()
			w.compare(bankTruth...)
			w.readOnce()
		})
	}
	for _, m := range everywhere {
		play("all", m.at, m.n, fmt.Sprintf(sessions, "weir%"))
	}
	// In the middle of a chunk there is a session that reads; behind it there may be none, as a chunk that is cut costs its own.
	play("snapshot", "checked", 3, fmt.Sprintf(sessions, "weir%snapshot%"))
	play("walsender", "checked", 3, walsender)
	play("walsender", stepFenced, 1, walsender)
}

// readOnce checks that no table was begun anew.
func (w *world) readOnce() {
	w.t.Helper()
	for _, table := range w.store.Tables("default") {
		if table.Generation != 1 {
			w.t.Errorf("table %s has generation %d", table.Relation.Name, table.Generation)
		}
	}
}

// TestServerCrashesAt: at whatever point the server is shut down at once, under writes of which some are not flushed, the stream and the
// snapshot go on behind its recovery: with what SQL then says, without a generation more, and each checkpoint on the way is a state that the
// source had and did not lose (I1).
func TestServerCrashesAt(t *testing.T) {
	for _, m := range everywhere {
		t.Run(m.at, func(t *testing.T) {
			t.Parallel()
			server := pgtest.StartServer(t, pgtest.Options{Settings: map[string]string{"wal_writer_delay": "10s"}})
			d := pgtest.NewOn(t, server)
			d.Exec(bankTables)
			e := &disturbance{at: m.at, n: m.n, cause: func(context.Context) error {
				if err := server.Kill(context.Background()); err != nil {
					return err
				}
				return server.Restart(context.Background())
			}}
			w := newWorld(t, d, bankRules, func(cfg *Config) {
				concurrent(cfg)
				e.disturb(t, d.URI(), &cfg.hooks)
			})
			stop := stubborn(t, d.URI(), seedOf(t))
			w.start()
			w.until(func() bool { return e.fired.Load() > 0 && w.complete() })
			stop()
			w.compare(bankTruth...)
			w.readOnce()
		})
	}
}

// stubborn writes like workload, on a new connection when the server has ended one, and does not wait for the flush of every second transaction.
func stubborn(t *testing.T, uri string, seed uint64) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	r := rand.New(rand.NewPCG(seed, 1))
	write := func() {
		conn, err := pgx.Connect(context.Background(), uri)
		if err != nil {
			_ = pause(ctx, 10*time.Millisecond)
			return
		}
		defer func() { _ = conn.Close(context.Background()) }()
		for err == nil && ctx.Err() == nil {
			sql := randomTransaction(r)
			if r.IntN(2) == 0 {
				sql = strings.Replace(sql, "BEGIN;", "BEGIN; SET LOCAL synchronous_commit = off;", 1)
			}
			_, err = conn.Exec(context.Background(), sql, simple...)
		}
	}
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			write()
		}
	}()
	return func() {
		t.Helper()
		cancel()
		<-done
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
