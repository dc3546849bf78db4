package buckets

import (
	"context"
	"time"

	"github.com/weirsync/weir/storage"
)

// writeRetention is how long a write checkpoint is kept after it was asked for last. A client keeps what it has seen, and one that comes
// back later asks for another with its next upload.
const writeRetention = 30 * 24 * time.Hour

// writeStep is how many write checkpoints one step of their expiry looks at.
const writeStep = 1000

// expireWriteCheckpoints forgets the write checkpoints that are reached and old, in bounded steps.
func (s *Store) expireWriteCheckpoints(ctx context.Context) error {
	before := s.opts.Now().Add(-writeRetention).Unix()
	for next, more := "", true; more; {
		var old []string
		n := 0
		if err := s.db.View(func(tx *storage.Tx) error {
			return tx.WriteCheckpoints(next, func(key string, w storage.WriteCheckpoint) bool {
				if w.Stored < before {
					old = append(old, key)
				}
				n++
				next = key + "\x00"
				return n < writeStep
			})
		}); err != nil {
			return err
		}
		if more = n == writeStep; len(old) == 0 {
			continue
		}
		var gone int64
		if err := s.do(ctx, func(b *batch) (err error) {
			gone, err = b.expireKeys(old, before)
			return err
		}); err != nil {
			return err
		}
		s.compactor.mu.Lock()
		s.compactor.stats.Expired += gone
		s.compactor.mu.Unlock()
	}
	return nil
}

// expireKeys removes those of keys that are still old and wait for nothing.
func (b *batch) expireKeys(keys []string, before int64) (gone int64, err error) {
	for _, key := range keys {
		w, ok, err := b.tx.WriteCheckpoint(key)
		if err != nil {
			return gone, err
		}
		if _, waits := b.s.waiting[key]; !ok || waits || w.Stored >= before {
			continue
		}
		if err := b.tx.DeleteWriteCheckpoint(key); err != nil {
			return gone, err
		}
		gone++
	}
	return gone, nil
}
