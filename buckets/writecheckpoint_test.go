package buckets

import (
	"testing"
)

// A store whose source begins at a lower position (another server, an older copy) reaches write checkpoints by the new positions only.
func TestWriteCheckpointsOfARewoundSource(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", nil))
	h.pos = 1 << 30
	h.stream(upd(items, "1", "ann", "b", nil))
	_, err := h.NextWriteCheckpoint(h.ctx, "bob", map[string]Position{"default": 1 << 31})
	h.must(err)

	id := h.Tables("default")[0].ID
	_, err = h.BeginGeneration(h.ctx, id, items)
	h.must(err)
	h.must(h.SaveSource(h.ctx, SourceState{Name: "default", Position: 5000}))
	h.pos = 5000
	_, err = h.NextWriteCheckpoint(h.ctx, "ann", map[string]Position{"default": 5004})
	h.must(err)
	reached := func(key string) (ok bool) {
		h.must(h.View(func(v *View) (err error) {
			_, ok, err = v.WriteCheckpoint(key)
			return err
		}))
		return ok
	}
	if reached("ann") {
		t.Error("a write checkpoint is reached by a position of the server before")
	}
	h.reopen()
	h.chunk(items, true, tuple("1", "ann", "c", nil))
	h.fence(items)
	if !reached("ann") || !reached("bob") {
		t.Errorf("reached: ann %t, bob %t; want both", reached("ann"), reached("bob"))
	}
}
