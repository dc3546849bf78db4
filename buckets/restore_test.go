package buckets

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// A backup that is taken into use serves nobody until its source was compared, and goes on above all ids that were ever given out (I3, I13).
func TestRestore(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	state := SourceState{Name: "default", SystemID: "1", Slot: "s", Position: h.Durable("default")}
	h.must(h.SaveSource(h.ctx, state))
	backup := filepath.Join(t.TempDir(), "weir.bak")
	_, err := h.Backup(h.ctx, backup)
	h.must(err)
	h.stream(ins(items, "2", "ann", "two", nil))
	newest := h.checkpoint()
	h.wantN("ann", map[string]string{"1": "one", "2": "two"})
	lost := h.pos

	h.stop()
	h.path = backup
	h.open()
	waiting := func() {
		t.Helper()
		err := h.View(func(*View) error { return nil })
		if !errors.Is(err, ErrNoVersion) || !strings.Contains(err.Error(), "backup") {
			t.Errorf("a backup that was not compared is served: %v", err)
		}
	}
	waiting()
	h.must(h.Settle(h.ctx)) // a batch
	waiting()
	h.reopen()
	h.must(h.Settle(h.ctx))
	waiting()
	h.must(h.Confirm(h.ctx, "default"))
	if got := h.checkpoint(); got <= newest {
		t.Errorf("checkpoint %d after %d was published", got, newest)
	}
	h.wantN("ann", map[string]string{"1": "one"})
	h.pos = lost - 1 // the stream goes on from the backup, and sends again what came since
	h.stream(ins(items, "2", "ann", "two", nil))
	h.wantN("ann", map[string]string{"1": "one", "2": "two"})
	h.reopen()
	h.wantN("ann", map[string]string{"1": "one", "2": "two"})
}

// A store that is found to be of another history goes on above all ids that the newer one may have given out (I3).
func TestOtherHistory(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	before := h.checkpoint()
	floor := freshCounters(h.Store.opts.Now()).Op
	h.must(h.SaveSource(h.ctx, SourceState{Name: "default", SystemID: "2", Position: h.pos + 1000}))
	if got := h.checkpoint(); got < floor-1 || got <= before {
		t.Errorf("checkpoint %d, want one above %d", got, floor)
	}
}
