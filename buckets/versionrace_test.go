package buckets

import (
	"testing"
	"time"
)

// A version that is active when a rollback to it is asked for may be removed when the writer comes to it: it is deployed anew.
func TestRollbackToAVersionThatGoesMeanwhile(t *testing.T) {
	h := newHarness(t) // replaced versions are not kept
	first := h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	held, release := make(chan struct{}), make(chan struct{})
	next := mustCompile(t, "bucket_definitions: {}\n")
	h.later(func(b *batch) error {
		close(held)
		<-release
		_, err := b.deploy(next, "bucket_definitions: {}\n", "")
		return err
	})
	<-held
	var v Version
	done := make(chan error, 1)
	go func() {
		var err error
		v, err = h.Rollback(h.ctx, first.ID)
		done <- err
	}()
	for deadline := time.Now().Add(time.Minute); h.queue.empty(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the rollback does not come")
		}
	}
	close(release)
	h.must(<-done)
	if v.ID == first.ID || v.State != Deploying || v.Text != first.Text {
		t.Errorf("rollback to a version that was removed: got version %d (%s), want a new one that is deploying", v.ID, v.State)
	}
}

// Rows are evaluated beside the writer while it buries a definition of theirs (for the race detector).
func TestPrepareWhileADefinitionDies(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	h.deploy(twoDefinitions)
	h.plan(items)
	c := h.threePortions(h.begin(items)[0])
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				h.prepare(c).release()
			}
		}
	}()
	_, err := h.Cancel(h.ctx)
	close(stop)
	<-done
	h.must(err)
}
