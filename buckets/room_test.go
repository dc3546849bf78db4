package buckets

import (
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// With a full disk nothing is applied and nothing counts as durable; readers go on, and so does the writer once there is room.
func TestFullDisk(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "one", nil))
	h.stop()
	var free atomic.Int64
	s, run := h.openSlowly(&free)
	durable := s.Durable("default")
	h.must(s.Apply(h.ctx, &Transaction{Source: "default", End: durable + 100, Bytes: 10, Changes: []Change{ins(items, "2", "ann", "two", nil)}}))
	run()
	await(t, func() bool { return s.Disk().Full })
	h.wantN("ann", map[string]string{"1": "one"})
	if got := s.Durable("default"); got != durable || s.Applied("default") != durable {
		t.Errorf("at %s, applied %s, want %s: it is not stored", got, s.Applied("default"), durable)
	}
	if s.Failure() != nil || s.Disk().Since.IsZero() {
		t.Errorf("failure %v, %+v", s.Failure(), s.Disk())
	}
	free.Store(1 << 30)
	h.must(s.WaitDurable(h.ctx, "default", durable+100))
	h.wantN("ann", map[string]string{"1": "one", "2": "two"})
	if s.Disk().Full {
		t.Error("still full")
	}

	free.Store(0) // a stop does not wait for room, and what was not stored is not acknowledged
	h.must(s.Apply(h.ctx, &Transaction{Source: "default", End: durable + 200, Bytes: 10, Changes: []Change{ins(items, "3", "ann", "three", nil)}}))
	await(t, func() bool { return s.Disk().Full })
	h.reopen()
	if got := h.Durable("default"); got != durable+100 {
		t.Errorf("after the stop at %s, want %s", got, durable+100)
	}
	h.wantN("ann", map[string]string{"1": "one", "2": "two"})
}

// What failed for want of room is tried again once there is a good deal more of it, or after a while: a limit can't be seen.
func TestRoomAfterAFailure(t *testing.T) {
	for name, c := range map[string]struct {
		retry time.Duration
		more  int64
	}{"more room": {time.Hour, roomStep}, "later": {time.Millisecond, 0}} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.stop()
			var free, looks atomic.Int64
			free.Store(5000)
			s, run := h.openSlowly(&free)
			defer run()
			s.room.retry = c.retry
			look := s.room.look
			s.room.look = func() (int64, error) {
				looks.Add(1)
				return look()
			}
			done := make(chan error, 1)
			go func() { done <- s.outlast(t.Context(), syscall.ENOSPC) }()
			if c.more > 0 {
				await(t, func() bool { return s.Disk().Full })
				free.Add(c.more - 1)
				seen := looks.Load()
				await(t, func() bool { return looks.Load() > seen+3 })
				if len(done) > 0 || !s.Disk().Full {
					t.Error("it is tried again although there is hardly more room")
				}
				free.Add(1)
			}
			if err := <-done; !errors.Is(err, ErrDiskFull) || !errors.Is(err, syscall.ENOSPC) || s.Disk().Full {
				t.Errorf("got %v, full %t", err, s.Disk().Full)
			}
		})
	}
}

// openSlowly opens the harness's store with a disk that has free bytes. It is written to once run is called.
func (h *harness) openSlowly(free *atomic.Int64) (s *Store, run func()) {
	h.tb.Helper()
	s, err := Open(h.path, Options{DiskReserve: 1000})
	h.must(err)
	s.room.look = func() (int64, error) { return free.Load(), nil }
	s.room.every = time.Millisecond
	h.Store = s
	return s, func() { h.run(s) }
}

func await(t *testing.T, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to that")
		}
	}
}
