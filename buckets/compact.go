package buckets

import (
	"context"
	"errors"
	"time"

	"github.com/weirsync/weir/storage"
)

// What an operator need not say of compaction.
const (
	CompactStaleDefault  = 25       // percent
	CompactMemoryDefault = 32 << 20 // bytes
)

const (
	compactStaleMin = 100     // superseded PUTs below which a bucket is not worth a pass
	compactSmall    = 32      // unmerged blocks that are worth one
	compactStep     = 4 << 20 // bytes of ops that one step looks at, before compression
	compactWaiting  = 1 << 16 // buckets that can wait to be compacted; more are found again by the next tour

	tourEvery   = time.Hour // all buckets are looked at at the start and this often
	tourBuckets = 1000      // that one read transaction looks at
	keyBytes    = 40        // that a key in the memory of a pass takes, about
)

// CompactOptions say when buckets are compacted in the background.
type CompactOptions struct {
	Off    bool // only Compact compacts
	Stale  int  // percentage of a bucket's ops that are superseded at which it is compacted, CompactStaleDefault
	Memory int  // bytes that a pass may hold to know which objects it has seen, CompactMemoryDefault

	step int // compactStep, but in tests
}

func (o *CompactOptions) fill() {
	if o.Stale == 0 {
		o.Stale = CompactStaleDefault
	}
	if o.Memory == 0 {
		o.Memory = CompactMemoryDefault
	}
	if o.step == 0 {
		o.step = compactStep
	}
}

// CompactStats is what compaction did since the store was opened.
type CompactStats struct {
	Buckets int64 // passes over a bucket that changed it
	Steps   int64 // bbolt updates
	Moved   int64 // ops that became MOVE
	Dropped int64 // ops that a CLEAR swallowed
	Blocks  int64 // fewer blocks than before
	Bytes   int64 // fewer bytes of blocks than before, free for new data in the file
	Expired int64 // write checkpoints that were forgotten
}

func (a *CompactStats) add(b CompactStats) {
	a.Buckets += b.Buckets
	a.Steps += b.Steps
	a.Moved += b.Moved
	a.Dropped += b.Dropped
	a.Blocks += b.Blocks
	a.Bytes += b.Bytes
	a.Expired += b.Expired
}

// CompactStats returns what compaction did so far, in the background and on demand.
func (s *Store) CompactStats() CompactStats {
	s.compactor.mu.Lock()
	defer s.compactor.mu.Unlock()
	return s.compactor.stats
}

// due tells whether a bucket is worth a pass in the background.
func (s *Store) due(b *storage.Bucket) bool {
	c := &b.Compaction
	return s.stale(b) || c.Small >= compactSmall
}

// stale tells whether so much is superseded that all of the bucket should be read for it.
func (s *Store) stale(b *storage.Bucket) bool {
	stale := b.Compaction.Stale
	return stale >= compactStaleMin && stale*100 >= int64(s.opts.Compact.Stale)*(b.Base.Count+b.Pending.Count)
}

// Compact compacts every bucket as far as it goes, and returns what that came to. Run must be running: it commits the steps, between
// those of the stream. When ctx ends, what is done stays.
func (s *Store) Compact(ctx context.Context) (CompactStats, error) {
	var sum CompactStats
	err := s.tour(ctx, func(id BucketID, b *storage.Bucket) error {
		c := &b.Compaction
		full := c.Stale > 0
		if !full && c.Small < 2 {
			return nil
		}
		stats, err := s.compactBucket(ctx, id, full, nil)
		sum.add(stats)
		return err
	})
	return sum, err
}

// tour calls look for every bucket, outside of any transaction.
func (s *Store) tour(ctx context.Context, look func(BucketID, *storage.Bucket) error) error {
	type found struct {
		id    BucketID
		state storage.Bucket
	}
	page := make([]found, 0, tourBuckets)
	for next := BucketID(0); ; {
		page = page[:0]
		if err := s.db.View(func(tx *storage.Tx) error {
			return tx.Buckets(next, func(id BucketID, b storage.Bucket) bool {
				page = append(page, found{id, b})
				return len(page) < tourBuckets
			})
		}); err != nil {
			return err
		}
		for i := range page {
			if err := look(page[i].id, &page[i].state); err != nil {
				return err
			}
			next = page[i].id + 1
		}
		if len(page) < tourBuckets {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// compactBucket makes a pass over a bucket: over all of it, or over its newest blocks until those that commits left small are merged.
// rest, if there is one, is called between steps with the time that the last one took.
func (s *Store) compactBucket(ctx context.Context, id BucketID, full bool, rest func(time.Duration)) (CompactStats, error) {
	s.compactor.pass.Lock()
	defer s.compactor.pass.Unlock()
	p, err := s.beginPass(id, full)
	for err == nil && p != nil {
		began := time.Now()
		var more bool
		if more, err = p.step(ctx); err != nil || !more {
			break
		}
		if rest != nil {
			rest(time.Since(began))
		}
	}
	if p == nil {
		return CompactStats{}, err
	}
	if p.stats.Steps > 0 {
		p.stats.Buckets = 1
	}
	s.compactor.mu.Lock()
	s.compactor.stats.add(p.stats)
	s.compactor.mu.Unlock()
	if errors.Is(err, errBucketGone) {
		err = nil
	}
	return p.stats, err
}
