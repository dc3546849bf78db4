package buckets

import (
	"context"
	"errors"
	"testing"
)

// postgres-facts 11.6: a row that moved out of an unread range is in the stream and not in a chunk. Until the fence says that the stream has
// brought it, it must not be taken for one that is gone: it would be removed and sent again (I12).
func TestSweepWaitsForTheFence(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", "x"), tuple("2", "ann", "two", "x"))
	before := h.checkpoint()
	_, err := h.BeginGeneration(h.ctx, h.Tables("default")[0].ID, items)
	h.must(err)
	h.chunk(items, true, tuple("1", "ann", "one", "x"))
	h.stream() // a batch of its own, in which nothing may be swept
	h.stream(upd(items, "2", "ann", "two", "x"))
	h.fence(items)
	if got := h.checkpoint(); got != before {
		t.Errorf("checkpoint %d: a row that only moved made operations above %d", got, before)
	}
	h.wantN("ann", map[string]string{"1": "one", "2": "two"})
}

// postgres-facts 11.8: while a big transaction of one source is being applied, another source must not publish a checkpoint: what comes of
// the rest would have to appear below it (I3b, I9).
func TestNoCheckpointWhileStaging(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", nil))
	h.stop()
	var s *Store
	var seen []int
	step := func(name string) {
		switch name {
		case StepStaged:
			h.pos += 8
			if err := s.Apply(h.ctx, &Transaction{Source: "other", End: h.pos}); err != nil {
				t.Error(err)
			}
		case StepDurable:
			rows, err := clientRows(s, "ann")
			if err != nil {
				t.Error(err)
			}
			seen = append(seen, len(rows))
		}
	}
	s, err := Open(h.path, Options{Sources: []string{"default", "other"}, Step: step})
	h.must(err)
	const parts = 4
	for i := range parts {
		change := ins(items, string(rune('A'+i)), "ann", "new", nil)
		h.must(s.Stage(h.ctx, &Part{Source: "default", Number: i, Changes: []Change{change}, Bytes: 10}))
	}
	end := h.pos + 8
	h.must(s.Apply(h.ctx, &Transaction{Source: "default", End: end, Parts: parts}))
	ctx, cancel := context.WithCancel(h.ctx)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	h.must(s.Settle(h.ctx))
	cancel()
	h.must(errors.Join(<-done, s.Close()))
	for _, n := range seen {
		if n != 1 && n != 1+parts {
			t.Errorf("a client saw %d rows between batches: %v; want 1 or %d", n, seen, 1+parts)
		}
	}
	if len(seen) < parts || seen[len(seen)-1] != 1+parts {
		t.Errorf("a client saw %v rows; want %d batches and all rows behind the last", seen, parts)
	}
	h.open()
}

// postgres-facts 11.13: a write checkpoint is not reached while the gate is shut, although the stream is past its head.
func TestWriteCheckpointWaitsForTheGate(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	_, err := h.BeginGeneration(h.ctx, h.Tables("default")[0].ID, items)
	h.must(err)
	_, err = h.NextWriteCheckpoint(h.ctx, "ann/c1", map[string]Position{"default": h.pos + 8})
	h.must(err)
	reached := func() (id int64) {
		h.must(h.View(func(v *View) (err error) { id, _, err = v.WriteCheckpoint("ann/c1"); return err }))
		return id
	}
	h.stream(upd(items, "1", "ann", "uno", nil))
	h.reopen()
	h.plan(items)
	if got := reached(); got != 0 {
		t.Errorf("write checkpoint %d is reached while the client can't see the write", got)
	}
	h.chunk(items, true, tuple("1", "ann", "uno", nil))
	h.fence(items)
	if got := reached(); got != 1 {
		t.Errorf("write checkpoint %d is reached behind the fence, want 1", got)
	}
	h.wantN("ann", map[string]string{"1": "uno"})
}

// postgres-facts 11.9: clients may still hold the operations of a definition that was reclaimed. When it returns, its ids begin above theirs
// under another bucket name, so that old and new ones are never added up (I3b).
func TestReturningDefinitionIsNew(t *testing.T) {
	h := newHarness(t)
	h.deploy(sharedRules + dyingRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "1", nil))
	before := h.Definitions()
	h.deploy(sharedRules)
	h.wantStates(Removed, Active)
	h.settled()
	h.reopen()
	h.deploy(sharedRules + dyingRules)
	after := h.Definitions()
	if len(before) != 2 || len(after) != 2 || after[0].ID != before[0].ID || after[1].ID <= before[1].ID {
		t.Errorf("definitions %+v, before their removal %+v; want the kept one's id, and a new one", after, before)
	}
}
