package replicator

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

func TestBudgetMarks(t *testing.T) {
	for _, c := range []struct {
		h    SlotHealth
		want int
	}{
		{SlotHealth{Status: "reserved", Safe: -1, Budget: -1}, 0},
		{SlotHealth{Status: "reserved", Safe: 51, Budget: 100}, 0},
		{SlotHealth{Status: "reserved", Safe: 5100, Budget: 10000}, 0},
		{SlotHealth{Status: "extended", Safe: 5000, Budget: 10000}, 1},
		{SlotHealth{Status: "extended", Safe: 2500, Budget: 10000}, 2},
		{SlotHealth{Status: "extended", Safe: 1000, Budget: 10000}, 3},
		{SlotHealth{Status: "unreserved", Safe: -5, Budget: 10000}, 3},
		{SlotHealth{Status: "extended", Safe: 7, Budget: -1}, 0},
	} {
		if got := c.h.passed(); got != c.want {
			t.Errorf("%+v: %d marks, want %d", c.h, got, c.want)
		}
	}
}

// TestWALBudget: while a sequential snapshot holds the stream back, the server writes more and more WAL: weir warns at each mark once,
// and when the slot is lost the snapshot does not go on for nothing.
func TestWALBudget(t *testing.T) {
	server := pgtest.StartServer(t, pgtest.Options{Settings: map[string]string{
		"max_slot_wal_keep_size": "64MB", "min_wal_size": "32MB", "max_wal_size": "32MB",
	}})
	d := pgtest.NewOn(t, server)
	d.Exec(itemTable + "INSERT INTO items SELECT i, repeat('v', 200), NULL FROM generate_series(100, 3000) i")
	writer := d.Connect(t)
	var read atomic.Int64
	step := func(ctx context.Context) error {
		_, err := writer.Exec(ctx, "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)) FROM generate_series(1, 8); SELECT pg_switch_wal(); CHECKPOINT", simple...)
		return err
	}
	var w *world
	var worst atomic.Pointer[SlotHealth]
	generation := func() buckets.Generation {
		if tables := w.store.Tables("default"); len(tables) > 0 {
			return tables[0].Generation
		}
		return 0
	}
	w = newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.Snapshot.ChunkBytes = 16 << 10
		cfg.hooks.chunkRead = func(ctx context.Context, _ *buckets.Relation, _ int) {
			if h := w.source.Health(); len(h.Warnings) > 0 {
				worst.Store(&h.Slot)
			}
			if read.Add(1) > 12 || generation() > 1 {
				return
			}
			if err := step(ctx); err != nil {
				t.Error(err)
			}
		}
	})
	w.start()
	w.until(func() bool { return generation() > 1 }) // the slot was lost
	w.compare(itemTruth)
	if worst := worst.Load(); worst == nil || worst.Budget != 64<<20 || worst.Status == "" || worst.Checked.IsZero() {
		t.Errorf("slot when weir warned: %+v", worst)
	}
	w.log.mu.Lock()
	log := w.log.buf.String()
	w.log.mu.Unlock()
	if n := strings.Count(log, `msg="WAL budget"`); n < 2 || n > 3 {
		t.Errorf("%d warnings, want one at each mark", n)
	}
	if !strings.Contains(log, "was invalidated: wal_removed") || !strings.Contains(log, "max_slot_wal_keep_size") {
		t.Error("the log does not say why the slot was lost, and what to do")
	}
	if h := w.source.Health(); len(h.Warnings) > 0 {
		t.Errorf("warnings %v with a slot that is up to date", h.Warnings)
	}
}
