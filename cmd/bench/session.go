package main

import (
	"context"
	"errors"
	"time"

	"github.com/weirsync/weir/clients/wire"
)

// open opens a stream of a user over a WebSocket. held is what it says it has, nil for nothing.
func (b *bench) open(ctx context.Context, user string, held *wire.Checkpoint) (syncStream, error) {
	token, err := b.token(user)
	if err != nil {
		return nil, err
	}
	return openSocket(ctx, b.weir.url, token, requestFor(held))
}

// checkpoint returns where a user's buckets are now.
func (b *bench) checkpoint(ctx context.Context, user string) (*wire.Checkpoint, error) {
	s, err := b.open(ctx, user, nil)
	if err != nil {
		return nil, err
	}
	defer s.close()
	return firstCheckpoint(s)
}

// count is how many operations a user's buckets have: as many as rows, until some are changed.
func count(c *wire.Checkpoint) (n int64) {
	for i := range c.Buckets {
		n += c.Buckets[i].Count
	}
	return n
}

// openUpToDate opens a stream of a user who has everything, and reads it up to the first completed checkpoint.
func (b *bench) openUpToDate(ctx context.Context, user string) (syncStream, error) {
	held, err := b.checkpoint(ctx, user)
	if err != nil {
		return nil, err
	}
	s, err := b.open(ctx, user, held)
	if err != nil {
		return nil, err
	}
	if err := drain(s); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// errEnded says that a stream was over before what was waited for came.
var errEnded = errors.New("the stream ended")

// follower tells when checkpoints complete on a stream.
type follower struct {
	stream   syncStream
	complete chan time.Time // closed when the stream has ended
}

// followed bounds the checkpoints that nobody has asked for yet.
const followed = 64

func follow(s syncStream) *follower {
	f := &follower{stream: s, complete: make(chan time.Time, followed)}
	go func() {
		defer close(f.complete)
		for {
			k, _, err := s.next()
			if err != nil {
				return
			}
			if k == completeLine {
				f.complete <- time.Now()
			}
		}
	}()
	return f
}

// close ends the stream and waits for its reader.
func (f *follower) close() {
	f.stream.close()
	for range f.complete { // until it is closed
	}
}

// await takes a time from a channel.
func await(ctx context.Context, times <-chan time.Time) (time.Time, error) {
	select {
	case t, ok := <-times:
		if !ok {
			return t, errEnded
		}
		return t, nil
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}
