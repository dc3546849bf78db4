package buckets

import (
	"context"
	"testing"
)

// reopenWith restarts the store with jobs that wait before the writer begins, so that they get into as few updates as they may.
func (h *harness) reopenWith(queue func(s *Store)) {
	h.tb.Helper()
	h.stop()
	s, err := Open(h.path, Options{})
	h.must(err)
	queue(s)
	ctx, cancel := context.WithCancel(h.ctx)
	done := make(chan error, 1)
	h.Store = s
	h.stop = func() {
		cancel()
		if err := <-done; err != nil {
			h.tb.Errorf("stop store: %v", err)
		}
		h.must(s.Close())
	}
	go func() { done <- s.Run(ctx) }()
}

// later queues a control job without waiting for it.
func (s *Store) later(fn func(*batch) error) {
	_ = s.queue.put(context.Background(), &job{kind: jobControl, control: fn})
}

// What follows a staged commit in the queue must not overtake it, nor throw its parts away.
func TestTransactionsBehindAStagedOne(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", nil))
	h.reopenWith(func(s *Store) {
		h.must(s.Stage(h.ctx, &Part{Source: "default", Changes: []Change{ins(items, "2", "ann", "b", nil)}, Bytes: 10}))
		h.must(s.Apply(h.ctx, &Transaction{Source: "default", End: 2000, Changes: []Change{ins(items, "3", "ann", "c", nil)}, Parts: 1, Bytes: 10}))
		h.must(s.Apply(h.ctx, &Transaction{Source: "default", End: 2100, Changes: []Change{del(items, "2")}, Bytes: 10}))
		h.must(s.Stage(h.ctx, &Part{Source: "default", Changes: []Change{ins(items, "4", "ann", "d", nil)}, Bytes: 10}))
		h.must(s.Apply(h.ctx, &Transaction{Source: "default", End: 2200, Changes: []Change{del(items, "3")}, Parts: 1, Bytes: 10}))
		h.must(s.Keepalive(h.ctx, "default", 2300))
	})
	h.pos = 2400
	h.stream()
	h.wantN("ann", map[string]string{"1": "a", "4": "d"})
}
