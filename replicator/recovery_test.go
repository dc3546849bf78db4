package replicator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestWaitsForItsSource: a source that is down at the start is waited for, and so is one that is killed while it streams.
func TestWaitsForItsSource(t *testing.T) {
	server := pgtest.StartServer(t, pgtest.Options{})
	d := pgtest.NewOn(t, server)
	d.Exec(itemTable)
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, d, itemRules, nil)
	w.start()
	w.until(func() bool { return len(w.source.Health().Faults) > 0 })
	if h := w.source.Health(); h.Connected || h.State != Connecting || !strings.Contains(h.Faults.Error(), "can't be reached") {
		t.Errorf("health of a source that is down: %+v", h)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.compare(itemTruth)
	if h := w.source.Health(); !h.Connected || h.State != Streaming || len(h.Faults) > 0 {
		t.Errorf("health of a source that is up: %+v", h)
	}
	d.Exec("UPDATE items SET v = 'before the crash'")
	if err := server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Exec("UPDATE items SET v = 'after the crash' WHERE id < 10")
	w.compare(itemTruth)
}

// TestStalledStoreKeepsTheConnection: statuses go out while the reader waits for longer than wal_sender_timeout.
func TestStalledStoreKeepsTheConnection(t *testing.T) {
	server := pgtest.StartServer(t, pgtest.Options{Settings: map[string]string{"wal_sender_timeout": "1s"}})
	d := pgtest.NewOn(t, server)
	d.Exec(itemTable)
	hold := make(chan struct{})
	var stalled atomic.Bool
	w := newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.hooks.received = func(tx *buckets.Transaction) {
			if len(tx.Changes) > 0 && tx.Changes[0].Op == buckets.Update && stalled.CompareAndSwap(false, true) {
				<-hold
			}
		}
	})
	w.start()
	w.settle()
	pid := d.Value("SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1", w.cfg.Slot)
	d.Exec("UPDATE items SET v = 'stalled'")
	w.until(stalled.Load)
	eventually(t, d, "SELECT clock_timestamp() > $1::timestamptz + '2500 ms'", d.Value("SELECT clock_timestamp()"))
	close(hold)
	w.compare(itemTruth)
	if got := d.Value("SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1", w.cfg.Slot); got != pid {
		t.Errorf("the slot's reader is %s, was %s: the connection was lost", got, pid)
	}
}

// TestLastCommitIsAcknowledged: when Run has returned, the slot is behind the last commit, and not behind what the store has.
func TestLastCommitIsAcknowledged(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable)
	w := newWorld(t, d, itemRules, nil)
	w.start()
	w.settle()
	d.Exec("UPDATE items SET v = 'last'")
	head := w.catchUp(t.Context())
	running := w.source
	w.stop()
	var confirmed uint64
	text := d.Value("SELECT (confirmed_flush_lsn - '0/0')::bigint FROM pg_replication_slots WHERE slot_name = $1", w.cfg.Slot)
	if _, err := fmt.Sscan(text, &confirmed); err != nil {
		t.Fatal(err)
	}
	store, err := buckets.Open(w.path, buckets.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if got := buckets.Position(confirmed); got < head || got > store.Durable("default") {
		t.Errorf("the slot stands at %d, want it from %d (the last commit) to %d (the store)", got, head, store.Durable("default"))
	}
	if h := running.Health(); h.State != Stopped {
		t.Errorf("state %s, want %s", h.State, Stopped)
	}
}

// TestLostSlot: without its slot the store is behind a gap. All tables are read again, and what changed in the gap arrives; rows
// that did not change are not sent again.
func TestLostSlot(t *testing.T) {
	for name, lose := range map[string]string{
		"slot dropped":          "SELECT pg_drop_replication_slot('SLOT')",
		"publication dropped":   "DROP PUBLICATION SLOT",
		"publication made anew": "DROP PUBLICATION SLOT; CREATE PUBLICATION SLOT FOR TABLE items",
		"slot moved on":         "SELECT pg_replication_slot_advance('SLOT', pg_current_wal_lsn())",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			d.Exec(itemTable)
			w := newWorld(t, d, itemRules, nil)
			w.start()
			w.settle()
			w.stop()
			d.Exec("UPDATE items SET v = 'in the gap' WHERE id = 1; DELETE FROM items WHERE id = 2")
			d.Exec(strings.ReplaceAll(lose, "SLOT", w.cfg.Slot))

			w.cfg.OnLost = Stop
			store, err := buckets.Open(w.path, buckets.Options{})
			if err != nil {
				t.Fatal(err)
			}
			writing, stop := context.WithCancel(t.Context())
			written := make(chan error, 1)
			go func() { written <- store.Run(writing) }()
			if err := New(w.cfg, store).Run(t.Context()); !errors.Is(err, ErrHistoryLost) {
				t.Errorf("run with policy stop: %v, want ErrHistoryLost", err)
			}
			stop()
			if err := errors.Join(<-written, store.Close()); err != nil {
				t.Fatal(err)
			}

			w.cfg.OnLost = Resnapshot
			w.start()
			w.until(func() bool { return w.store.Tables("default")[0].Generation == 2 })
			w.compare(itemTruth)
			d.Exec("UPDATE items SET v = 'streamed again' WHERE id = 3")
			w.compare(itemTruth)
		})
	}
}

// TestPublicationDroppedWhileStreaming: the gap is noticed, whether the server breaks the stream or goes on silently.
func TestPublicationDroppedWhileStreaming(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable)
	w := newWorld(t, d, itemRules, func(cfg *Config) { cfg.CatalogPoll = 100 * time.Millisecond })
	w.start()
	w.settle()
	d.Exec("DROP PUBLICATION " + w.cfg.Publication)
	d.Exec("UPDATE items SET v = 'in the gap' WHERE id = 1")
	w.until(func() bool { return w.store.Tables("default")[0].Generation == 2 })
	w.compare(itemTruth)
}

// TestDiesBeforeTheStoreKnowsTheSlot: the slot that was left is made again, and nothing is missing.
func TestDiesBeforeTheStoreKnowsTheSlot(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable)
	var w *world
	var died atomic.Bool
	w = newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.hooks.step = func(name string, _ buckets.TableID) {
			if name == stepSlotMade && died.CompareAndSwap(false, true) {
				panic(errDied)
			}
		}
	})
	store, err := buckets.Open(w.path, buckets.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	written := make(chan error)
	go func() { written <- store.Run(ctx) }()
	func() {
		defer func() {
			if got, ok := recover().(error); !ok || !errors.Is(got, errDied) {
				t.Fatalf("recovered %v", got)
			}
		}()
		_ = New(w.cfg, store).Run(ctx)
	}()
	cancel()
	if err := errors.Join(<-written, store.Close()); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.compare(itemTruth)
}

var errDied = errors.New("died")
