package buckets

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rulesOf makes rules with a definition for each name, of all rows of items under a type of that name and suffix.
func rulesOf(names ...string) string {
	var text strings.Builder
	text.WriteString("bucket_definitions:\n")
	for _, name := range names {
		text.WriteString("  d_" + name + ":\n    data: ['SELECT id, n FROM items AS " + name + "']\n")
	}
	return text.String()
}

// states lists the versions' states, oldest first.
func (h *harness) states() []VersionState {
	var out []VersionState
	for _, v := range h.Versions() {
		out = append([]VersionState{v.State}, out...)
	}
	return out
}

func (h *harness) wantStates(want ...VersionState) {
	h.tb.Helper()
	if d := cmp.Diff(want, h.states()); d != "" {
		h.tb.Errorf("states of the versions (-want +got):\n%s", d)
	}
}

// wantTypes compares column n of each output table that a client has.
func (h *harness) wantTypes(want map[string]map[string]string) {
	h.tb.Helper()
	rows := h.client("ann")
	got := map[string]map[string]string{}
	for o := range rows {
		got[o.typ] = values(rows, o.typ, "n")
	}
	if d := cmp.Diff(want, got); d != "" {
		h.tb.Errorf("rows by output table (-want +got):\n%s", d)
	}
}

// A retiring version is kept fresh, and is active again in one checkpoint without a read.
func TestRollback(t *testing.T) {
	h := newKeeping(t, time.Hour)
	v1 := h.deploy(rulesOf("a"))
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	v2 := h.deploy(rulesOf("b"))
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	h.wantStates(Retiring, Active)
	h.stream(upd(items, "1", "ann", "uno", nil))
	h.wantTypes(map[string]map[string]string{"b": {"1": "uno"}})
	for _, again := range []bool{false, true} {
		if again {
			h.reopen() // nobody plans: the data is there all the same
		}
		v, err := h.Rollback(h.ctx, 0)
		h.must(err)
		if v.ID != v1.ID || v.State != Active {
			t.Fatalf("rolled back to version %d, %s; want %d, active", v.ID, v.State, v1.ID)
		}
		h.wantStates(Active, Retiring)
		h.wantTypes(map[string]map[string]string{"a": {"1": "uno"}})
		if v, err = h.Rollback(h.ctx, v2.ID); err != nil || v.ID != v2.ID || v.State != Active {
			t.Fatalf("rolled forward to version %d, %s (%v); want %d, active", v.ID, v.State, err, v2.ID)
		}
		h.wantTypes(map[string]map[string]string{"b": {"1": "uno"}})
	}
}

func TestRollbackErrors(t *testing.T) {
	h := newKeeping(t, time.Hour)
	if _, err := h.Rollback(h.ctx, 0); !errors.Is(err, ErrNoRollback) {
		t.Errorf("with nothing deployed: %v, want %v", err, ErrNoRollback)
	}
	if _, err := h.Rollback(h.ctx, 7); !errors.Is(err, ErrUnknownVersion) {
		t.Errorf("to no version: %v, want %v", err, ErrUnknownVersion)
	}
	if _, err := h.Cancel(h.ctx); !errors.Is(err, ErrNotDeploying) {
		t.Errorf("cancel of nothing: %v, want %v", err, ErrNotDeploying)
	}
	v := h.deploy(rulesOf("a"))
	h.must(h.Fail(h.ctx, v.ID, "no such table"))
	if _, err := h.Rollback(h.ctx, v.ID); !errors.Is(err, ErrNoRollback) {
		t.Errorf("to a failed version: %v, want %v", err, ErrNoRollback)
	}
	if err := h.Fail(h.ctx, v.ID, "again"); !errors.Is(err, ErrNotDeploying) {
		t.Errorf("failed twice: %v, want %v", err, ErrNotDeploying)
	}
	h.reopen()
	if got := h.Versions()[0]; got.State != Failed || got.Reason != "no such table" {
		t.Errorf("stored as %s, %q", got.State, got.Reason)
	}
}
