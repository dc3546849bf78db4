package buckets

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weirsync/weir/storage"
)

// compactor is what compaction knows beside the file.
type compactor struct {
	commit func(context.Context, func(*batch) error) error // runs a short job in an update
	pass   sync.Mutex                                      // one pass at a time: their plans would miss each other's changes

	mu    sync.Mutex // guards what follows
	stats CompactStats
	due   map[BucketID]struct{} // bounded; written by commits
	wake  chan struct{}         // capacity 1
}

func newCompactor(commit func(context.Context, func(*batch) error) error) *compactor {
	return &compactor{commit: commit, due: map[BucketID]struct{}{}, wake: make(chan struct{}, 1)}
}

// note files buckets that a commit left worth a pass.
func (c *compactor) note(ids []BucketID) {
	if len(ids) == 0 {
		return
	}
	c.mu.Lock()
	for _, id := range ids {
		if len(c.due) < compactWaiting {
			c.due[id] = struct{}{}
		}
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *compactor) take() (BucketID, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.due {
		delete(c.due, id)
		return id, true
	}
	return 0, false
}

// tend compacts in the background until ctx ends. What a step needs of the writer is a short job, and after each it rests as long as
// that took, so that it takes half of one core at most.
func (s *Store) tend(ctx context.Context) {
	tours := time.NewTimer(0)
	defer tours.Stop()
	for ctx.Err() == nil {
		if id, ok := s.compactor.take(); ok {
			s.report(ctx, s.compactDue(ctx, id))
			continue
		}
		select {
		case <-s.compactor.wake:
		case <-tours.C:
			s.report(ctx, s.tourDue(ctx))
			tours.Reset(tourEvery)
		case <-ctx.Done():
		}
	}
}

// report logs why a compaction ended early. Nothing is lost: the bucket stays as it is.
func (s *Store) report(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrStopped) {
		s.log.Error("compaction stopped", "error", err)
	}
}

// tourDue finds what is due, which a process before may have left, and forgets old write checkpoints.
func (s *Store) tourDue(ctx context.Context) error {
	if err := s.expireWriteCheckpoints(ctx); err != nil {
		return err
	}
	return s.tour(ctx, func(id BucketID, b *storage.Bucket) error {
		if !s.due(b) {
			return nil
		}
		return s.compactDue(ctx, id)
	})
}

// compactDue makes a pass over a bucket that is due.
func (s *Store) compactDue(ctx context.Context, id BucketID) error {
	var full bool
	err := s.db.View(func(tx *storage.Tx) error {
		if !tx.HasBucket(id) {
			return nil
		}
		b, err := tx.Bucket(id)
		full = err == nil && s.stale(&b)
		return err
	})
	if err != nil {
		return err
	}
	_, err = s.compactBucket(ctx, id, full, func(took time.Duration) { idle(ctx, took) })
	return err
}

// idle waits, at most until ctx ends.
func idle(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
