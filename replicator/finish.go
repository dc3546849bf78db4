package replicator

import (
	"context"
	"fmt"

	"github.com/weirsync/weir/buckets"
)

// repairKeys bounds the partial rows that one pass takes on.
const repairKeys = 5000

// finishTable completes a table whose chunks are all stored, or that has partial rows again: a re-read of partial rows, then the fence, and
// again until no row is partial behind the fence (architecture 5.6, 5.8).
func (s *Source) finishTable(ctx context.Context, u *unit, t buckets.Table) error {
	for {
		if err := s.repair(ctx, u, t); err != nil {
			return err
		}
		s.step(stepFence, t.ID)
		nonce := newNonce()
		done, err := s.store.Fence(ctx, t.ID, t.Generation, nonce, func(ctx context.Context) error {
			at, err := emitMarkerAt(ctx, s.pool, nonce)
			s.tasks.fence(t.ID, at)
			s.step(stepFenced, t.ID)
			return err
		})
		if err != nil {
			return err
		}
		if done {
			return nil
		}
	}
}

// repair re-reads partial rows by key, after a weak barrier: it has to see what the stream has applied, and no more. What that
// brings completes only rows that were partial before the Barrier started: a younger one may have changed in a transaction that was
// not visible yet. Those, and rows that are gone from the source but not yet from the stream, are left for the next pass, behind the fence.
func (s *Source) repair(ctx context.Context, u *unit, t buckets.Table) error {
	started := s.store.Applied(s.cfg.Name)
	keys, err := s.store.Partials(ctx, t.ID, repairKeys)
	if err != nil {
		return storeErr(ctx, fmt.Errorf("list partial rows of table %d: %w", t.ID, err))
	}
	if len(keys) == 0 {
		return nil
	}
	s.step(stepRepair, t.ID)
	err = s.visible(ctx, started, func(holders string) { s.tasks.waiting(t.ID, holders) })
	if err != nil {
		return err
	}
	s.tasks.waiting(t.ID, "")
	return s.rereadAll(ctx, u, t, keys, started)
}

// step tells tests where a table's snapshot is, or with table 0 the source.
func (s *Source) step(name string, id buckets.TableID) {
	if hook := s.cfg.hooks.step; hook != nil {
		hook(name, id)
	}
}
