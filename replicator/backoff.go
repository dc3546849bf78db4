package replicator

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	backoffMin = 200 * time.Millisecond
	backoffMax = 10 * time.Second
)

// backoff grows the time between attempts. The zero value is ready.
type backoff struct{ next time.Duration }

// wait sleeps before the next attempt, between half of the delay and all of it, or until ctx ends.
func (b *backoff) wait(ctx context.Context) error {
	b.next = min(max(b.next, backoffMin), backoffMax)
	d := b.next/2 + time.Duration(rand.Int64N(int64(b.next/2)))
	b.next *= 2
	return pause(ctx, d)
}

func (b *backoff) reset() { b.next = 0 }

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
