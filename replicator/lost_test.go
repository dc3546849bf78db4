package replicator

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestHistoryLost: whatever makes the stream unable to go on where the store stands is found out, explained, and mended by reading
// again; clients see the old data until that is over.
func TestHistoryLost(t *testing.T) {
	for name, c := range map[string]struct {
		lose func(t *testing.T, w *world)
		why  string
	}{
		"other server": {func(t *testing.T, w *world) {
			other := pgtest.NewOn(t, pgtest.StartServer(t, pgtest.Options{}))
			other.Exec(itemTable + "UPDATE items SET v = 'elsewhere'")
			w.db, w.cfg.URI = other, other.URI()
		}, "the server is another one"},
		"store restored from an older copy": {func(t *testing.T, w *world) {
			old, err := os.ReadFile(w.path)
			if err != nil {
				t.Fatal(err)
			}
			w.start()
			w.db.Exec("UPDATE items SET v = 'after the copy' WHERE id < 9; DELETE FROM items WHERE id = 20")
			w.compare(itemTruth)
			w.stop()
			if err := os.WriteFile(w.path, old, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "behind which the store ends"},
		"promotion that lost transactions": {func(t *testing.T, w *world) {
			fork(t, w, "UPDATE items SET v = 'lost' WHERE id < 9; INSERT INTO items VALUES (99, 'lost', NULL)")
		}, "left timeline 1 before"},
		"server restored from an older copy": {func(t *testing.T, w *world) {
			copied := copyData(t, w.db.Server)
			w.start()
			w.db.Exec("UPDATE items SET v = 'lost' WHERE id < 9")
			w.compare(itemTruth)
			w.stop()
			restoreData(t, w.db.Server, copied)
			if err := w.db.Server.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, "the server's WAL ends at"},
		"WAL removed": {func(t *testing.T, w *world) {
			w.db.Exec("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
			w.db.Exec("SELECT pg_reload_conf()")
			for range 3 {
				w.db.Exec("SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)) FROM generate_series(1, 20)")
				w.db.Exec("SELECT pg_switch_wal()")
				w.db.Exec("CHECKPOINT")
			}
			w.db.Exec("UPDATE items SET v = 'in the gap'")
		}, "was invalidated: wal_removed"},
	} {
		t.Run(name, func(t *testing.T) {
			d := pgtest.NewOn(t, pgtest.StartServer(t, pgtest.Options{}))
			d.Exec(itemTable)
			var hold atomic.Bool
			release := make(chan struct{})
			w := newWorld(t, d, itemRules, func(cfg *Config) {
				cfg.hooks.chunkRead = func(ctx context.Context, _ *buckets.Relation, _ int) {
					if hold.Load() {
						select {
						case <-release:
						case <-ctx.Done():
						}
					}
				}
			})
			w.start()
			w.compare(itemTruth)
			w.stop()
			c.lose(t, w)
			hold.Store(true)
			w.start()
			before := w.rows()
			w.until(func() bool { return w.store.Tables("default")[0].Phase == buckets.Chunking })
			if diff := cmp.Diff(before, w.rows()); diff != "" || len(before) == 0 {
				t.Errorf("while the table is read again clients see (-before +now):\n%s", diff)
			}
			close(release)
			w.compare(itemTruth)
			w.log.mu.Lock()
			log := w.log.buf.String()
			w.log.mu.Unlock()
			if !strings.Contains(log, "history lost") || !strings.Contains(log, c.why) {
				t.Errorf("the log does not say %q", c.why)
			}
		})
	}
}

// TestPromotionThatLostNothing: the stream goes on, on the new timeline.
func TestPromotionThatLostNothing(t *testing.T) {
	d := pgtest.NewOn(t, pgtest.StartServer(t, pgtest.Options{}))
	d.Exec(itemTable)
	w := newWorld(t, d, itemRules, nil)
	w.start()
	w.compare(itemTruth)
	w.stop()
	fork(t, w, "")
	d.Exec("UPDATE items SET v = 'on the new timeline' WHERE id < 9")
	w.start()
	w.compare(itemTruth)
	if gen := w.store.Tables("default")[0].Generation; gen != 1 {
		t.Errorf("generation %d, want 1: nothing was lost", gen)
	}
	if state, _ := w.store.Source("default"); state.Timeline != 2 {
		t.Errorf("the store has timeline %d, want 2", state.Timeline)
	}
}

// fork makes the server of a world that does not run promote a copy of itself: what sql does afterwards at the old one, and weir applies,
// is no part of the new timeline. Without sql nothing is lost.
func fork(t *testing.T, w *world, sql string) {
	t.Helper()
	server := w.db.Server
	copied := copyData(t, server)
	if sql != "" {
		w.start()
		w.db.Exec(sql)
		w.compare(itemTruth)
		w.stop()
	}
	restoreData(t, server, copied)
	demote(t, server.DataDir())
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.db.Value("SELECT pg_promote()"); got != "t" {
		t.Fatalf("promote: %s", got)
	}
}

// copyData copies the data folder of a server, which runs before and behind.
func copyData(t *testing.T, server *pgtest.Server) string {
	t.Helper()
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "data")
	copyAll(t, server.DataDir(), copied)
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	return copied
}

// restoreData stops the server and puts a copy in the place of its data.
func restoreData(t *testing.T, server *pgtest.Server, copied string) {
	t.Helper()
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(server.DataDir()); err != nil {
		t.Fatal(err)
	}
	copyAll(t, copied, server.DataDir())
}

func copyAll(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
}

// TestSlotHeldByAnother: what reads the slot and is no weir is waited for, and health says so.
func TestSlotHeldByAnother(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable)
	w := newWorld(t, d, itemRules, nil)
	w.start()
	w.compare(itemTruth)
	w.stop()
	conn, err := w.cfg.connectReplication(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := startReplication(t.Context(), &link{conn: conn}, w.cfg.Slot, w.cfg.Publication); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.until(func() bool { return len(w.source.Health().Faults) > 0 })
	if got := w.source.Health().Faults.Error(); !strings.Contains(got, "is in use by another session") || !strings.Contains(got, "pg_terminate_backend") {
		t.Errorf("fault %q", got)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
	d.Exec("UPDATE items SET v = 'afterwards'")
	w.compare(itemTruth)
	if gen := w.store.Tables("default")[0].Generation; gen != 1 {
		t.Errorf("generation %d, want 1", gen)
	}
}

// TestInvalidations: each reason for which Postgres gives a slot up comes with what to do, known to us or not.
func TestInvalidations(t *testing.T) {
	hints := map[string]bool{}
	for _, reason := range []string{"wal_removed", "conflict", "rows_removed", "wal_level_insufficient", "idle_timeout", "something_new"} {
		state := buckets.SourceState{Slot: "s", PublicationOID: 1}
		err := checkHistory(state, identity{}, slot{exists: true, lost: reason}, publication{oid: 1})
		faults := faultsOf(err)
		if len(faults) != 1 || !strings.Contains(faults[0].Message, reason) || faults[0].Hint == "" || hints[faults[0].Hint] {
			t.Errorf("%s: %v", reason, faults)
			continue
		}
		hints[faults[0].Hint] = true
	}
}
