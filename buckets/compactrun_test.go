package buckets

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// waitFor polls a state until it is there.
func waitFor(tb testing.TB, what string, there func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(time.Minute); !there(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not there after 20 s: %s", what)
		}
	}
}

// A row that changes all the time is compacted as it goes, without anybody asking.
func TestHotRowIsCompactedInTheBackground(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "0", nil))
	for i := range 3 * compactSmall {
		h.stream(upd(items, "1", "ann", fmt.Sprint(i+1), nil))
	}
	waitFor(t, "most of the history dropped", func() bool { return h.CompactStats().Dropped > compactSmall })
	h.wantN("ann", map[string]string{"1": fmt.Sprint(3 * compactSmall)})
}

// What a process before left is found by the next one.
func TestCompactionIsFoundDueAtTheStart(t *testing.T) {
	h := newHarness(t)
	h.opts.Compact.Off = true
	h.reopen()
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	for i := range compactSmall {
		h.stream(ins(items, fmt.Sprint(i), "ann", "x", nil))
	}
	if got := h.CompactStats(); got.Steps > 0 {
		t.Errorf("compacted although it is off: %+v", got)
	}
	h.opts.Compact.Off = false
	h.reopen()
	waitFor(t, "the blocks merged", func() bool { return h.CompactStats().Blocks == compactSmall-1 })
	if got := len(h.client("ann")); got != compactSmall {
		t.Errorf("ann has %d rows, want %d", got, compactSmall)
	}
}

// I4: ops above the checkpoint make nothing superseded that clients are still to get.
func TestCompactionStopsAtTheCheckpoint(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil), tuple("2", "ann", "two", nil))
	_, err := h.BeginGeneration(h.ctx, h.Tables("default")[0].ID, items)
	h.must(err)
	h.stream(upd(items, "1", "ann", "changed", nil), del(items, "2")) // behind the gate
	_, err = h.Compact(h.ctx)
	h.must(err)
	h.wantN("ann", map[string]string{"1": "one", "2": "two"})
	h.chunk(items, true, tuple("1", "ann", "changed", nil))
	h.fence(items)
	stats, err := h.Compact(h.ctx)
	h.must(err)
	if stats.Moved != 2 {
		t.Errorf("%d ops moved once they are published, want 2", stats.Moved)
	}
	h.wantN("ann", map[string]string{"1": "changed"})
}

// A bucket whose rows are all gone is one op.
func TestCompactOfAnEmptiedBucket(t *testing.T) {
	h := newHarness(t)
	h.opts.Compact = CompactOptions{Off: true, step: 64 << 10}
	h.reopen()
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	const rows = 50
	for i := range rows {
		h.stream(ins(items, fmt.Sprint(i), "ann", strings.Repeat("x", 10<<10), nil))
	}
	h.stream(Change{Op: Truncate, Truncated: []uint32{items.OID}})
	stats, err := h.Compact(h.ctx)
	h.must(err)
	if stats.Moved != rows || stats.Dropped != 2*rows-1 || stats.Steps < 3 {
		t.Errorf("compaction came to %+v, want %d moved, %d dropped, several steps", stats, rows, 2*rows-1)
	}
	h.wantN("ann", map[string]string{})
	again, err := h.Compact(h.ctx)
	h.must(err)
	if again != (CompactStats{}) {
		t.Errorf("there was something left to compact: %+v", again)
	}
}

// Commits and passes do not wait for the end of each other, and the end of the store ends a pass.
func TestCompactEndsWithItsContext(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "0", nil))
	h.stream(upd(items, "1", "ann", "1", nil))
	ctx, cancel := context.WithCancel(h.ctx)
	cancel()
	if _, err := h.Compact(ctx); err == nil {
		t.Error("a compaction whose context has ended went through")
	}
	h.wantN("ann", map[string]string{"1": "1"})
}

// Write checkpoints are forgotten when they are old and reached, and their numbers still never go down.
func TestOldWriteCheckpointsAreForgotten(t *testing.T) {
	h := newHarness(t)
	var later atomic.Int64 // the store's own goroutines ask for the time, too
	h.opts.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	h.opts.Compact.Off = true
	h.reopen()
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	for range 3 {
		_, err := h.NextWriteCheckpoint(h.ctx, "old", map[string]Position{"default": h.pos})
		h.must(err)
	}
	_, err := h.NextWriteCheckpoint(h.ctx, "waits", map[string]Position{"default": h.pos + 1000})
	h.must(err)
	later.Store(int64(writeRetention + time.Second))
	_, err = h.NextWriteCheckpoint(h.ctx, "young", map[string]Position{"default": h.pos})
	h.must(err)
	h.must(h.expireWriteCheckpoints(h.ctx))
	if got := h.CompactStats().Expired; got != 1 {
		t.Errorf("%d were forgotten, want 1", got)
	}
	for key, want := range map[string]int64{"old": 4, "waits": 2, "young": 2, "new": 4} {
		got, err := h.NextWriteCheckpoint(h.ctx, key, map[string]Position{"default": h.pos})
		h.must(err)
		if got != want {
			t.Errorf("the next number of %s is %d, want %d", key, got, want)
		}
	}
}
