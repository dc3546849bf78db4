package buckets

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirsync/weir/storage"
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
	made := h.counters()
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
	if now := h.counters(); now.Definition>>8 == made.Definition>>8 || now.Op <= made.Op {
		t.Errorf("ids go on at %+v, those of the backup at %+v", now, made) // the store that went on may have given them out
	}
	h.must(h.Settle(h.ctx)) // a batch
	waiting()
	h.reopen()
	h.must(h.Settle(h.ctx))
	waiting()
	h.must(h.Confirm(h.ctx, "default", lost)) // the stream goes on from the backup, and sends again what came since
	waiting()
	h.pos = lost - 1
	h.stream(ins(items, "2", "ann", "two", nil))
	if got := h.checkpoint(); got <= newest {
		t.Errorf("checkpoint %d after %d was published", got, newest)
	}
	h.wantN("ann", map[string]string{"1": "one", "2": "two"})
	h.reopen()
	h.wantN("ann", map[string]string{"1": "one", "2": "two"})
}

// counters are the ids that the store gives out next.
func (h *harness) counters() (c storage.Counters) {
	h.tb.Helper()
	h.must(h.db.View(func(tx *storage.Tx) (err error) {
		c, err = tx.Counters()
		return err
	}))
	return c
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
