package buckets

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Who waits for a fence or a position when the store stops is let go.
func TestStopLetsWaitersGo(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.begin(items)
	h.chunk(items, true)
	tab := h.Tables("default")[0]
	waits := make(chan error, 3)
	emitted := make(chan struct{}, 2)
	emit := func(context.Context) error { emitted <- struct{}{}; return nil }
	go func() { _, err := h.Fence(h.ctx, tab.ID, tab.Generation, "f", emit); waits <- err }()
	go func() { waits <- h.AwaitMarker(h.ctx, "default", "m", emit) }()
	go func() { waits <- h.WaitDurable(h.ctx, "default", 1<<40) }()
	<-emitted
	<-emitted
	h.stop()
	h.stop = func() {}
	timeout := time.After(30 * time.Second)
	for range cap(waits) {
		select {
		case err := <-waits:
			if !errors.Is(err, ErrStopped) {
				t.Errorf("got %v, want %v", err, ErrStopped)
			}
		case <-timeout:
			t.Fatal("somebody still waits")
		}
	}
}
