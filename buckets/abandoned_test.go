package buckets

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// A source that is taken out of the configuration while a table of it is being read does not hold up the others: what is there of the
// table is served, and completed if the source comes back.
func TestSourceRemovedInMidSnapshot(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", nil), tuple("2", "ann", "b", nil))
	_, err := h.BeginGeneration(h.ctx, h.Tables("default")[0].ID, items)
	h.must(err)
	h.stream(upd(items, "1", "ann", "a2", nil))
	h.wantN("ann", map[string]string{"1": "a", "2": "b"})

	var log bytes.Buffer
	h.openAs(Options{Sources: []string{"main"}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	h.must(h.Apply(h.ctx, &Transaction{Source: "main", End: 5000}))
	h.must(h.WaitDurable(h.ctx, "main", 5000))
	h.wantN("ann", map[string]string{"1": "a2", "2": "b"})
	if !strings.Contains(log.String(), "its source is not configured any more") || !strings.Contains(log.String(), "table=public.items") {
		t.Errorf("the log does not tell of the table: %s", &log)
	}

	h.openAs(Options{})
	h.chunk(items, true, tuple("1", "ann", "a2", nil))
	h.fence(items)
	h.wantN("ann", map[string]string{"1": "a2"})
}

// openAs is a restart with another configuration.
func (h *harness) openAs(o Options) {
	h.tb.Helper()
	h.stop()
	h.opts = o
	h.open()
}
