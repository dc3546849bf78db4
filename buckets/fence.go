package buckets

import (
	"bytes"
	"context"
	"fmt"

	"github.com/weirsync/weir/storage"
)

// MarkerPrefix is the prefix of the logical messages that weir emits and looks for in the stream.
const MarkerPrefix = "weir"

// marker is a message that somebody waits for.
type marker struct {
	source string
	table  *table // of a fence, else nil
	gen    Generation
	done   chan struct{} // closed when it was applied durably, for a fence when the table is done or needs repair
	result error
	passed bool // fence: the table is Done
}

// Fence announces a marker that emit is about to write to the source's WAL, for a table in phase Repairing, and waits until the stream has brought it (a
// transactional message with MarkerPrefix and nonce as content). If no row is partial then, the table is Done; if some are, it
// returns done=false and the caller re-reads and fences again. Generation over: ErrStaleGeneration. If ctx ends the marker is forgotten.
func (s *Store) Fence(ctx context.Context, id TableID, gen Generation, nonce string, emit func(context.Context) error) (done bool, err error) {
	m := &marker{gen: gen, done: make(chan struct{})}
	err = s.do(ctx, func(b *batch) error {
		t, err := b.table(id, gen)
		if err != nil {
			return err
		}
		if t.Phase != Repairing {
			return fmt.Errorf("fence of table %d: %w", id, ErrStaleGeneration)
		}
		m.source, m.table = t.Source, t
		s.update(func() {
			if ctx.Err() == nil {
				s.markers[nonce] = m
			}
		})
		return nil
	})
	if err != nil { // of ctx: the job may have run, or run later
		s.update(func() { delete(s.markers, nonce) })
		return false, err
	}
	if err := s.await(ctx, nonce, m, emit); err != nil { // of ctx: the writer may still be at m
		return false, err
	}
	return m.passed, nil
}

// AwaitMarker calls emit and returns once the stream has brought the transactional message with content nonce and it is durable.
func (s *Store) AwaitMarker(ctx context.Context, source, nonce string, emit func(context.Context) error) error {
	m := &marker{source: source, done: make(chan struct{})}
	s.update(func() { s.markers[nonce] = m })
	return s.await(ctx, nonce, m, emit)
}

func (s *Store) await(ctx context.Context, nonce string, m *marker, emit func(context.Context) error) error {
	defer s.update(func() { delete(s.markers, nonce) })
	if err := emit(ctx); err != nil {
		return err
	}
	select {
	case <-m.done:
		return m.result
	case <-s.queue.halted:
		return s.queue.stopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// marker handles a marker that the stream brought.
func (b *batch) marker(source, nonce string) {
	b.s.mu.RLock()
	m := b.s.markers[nonce]
	b.s.mu.RUnlock()
	if m == nil || m.source != source {
		return
	}
	b.s.update(func() { delete(b.s.markers, nonce) })
	t := m.table
	if t == nil {
		b.passed = append(b.passed, m)
		return
	}
	if t.Generation != m.gen || t.Phase != Repairing || !t.wanted() {
		m.result = ErrStaleGeneration
		b.passed = append(b.passed, m)
		return
	}
	t.proven()
	if t.Partials > 0 {
		b.passed = append(b.passed, m)
		return
	}
	b.s.update(func() { t.sweep, t.cursor, t.fence = true, nil, m })
}

// refuse lets go of who waits for the table's fence.
func (b *batch) refuse(t *table) {
	if t.fence != nil {
		t.fence.result = ErrStaleGeneration
		b.passed = append(b.passed, t.fence)
		b.s.update(func() { t.fence = nil })
	}
}

// sweeping returns a table that has to be swept, or nil.
func (c *catalog) sweeping() *table {
	for _, t := range c.tables {
		if t.sweep && t.wanted() {
			return t
		}
	}
	return nil
}

// sweep goes on with a table whose fence was passed: rows of older generations are no longer there in the source (I12), tombstones
// have done their work. The table becomes Done when nothing is left to look at, unless a row became partial meanwhile: then it
// must be repaired and fenced again.
func (b *batch) sweep() error {
	t := b.s.catalog.sweeping()
	if t.Partials > 0 {
		b.endSweep(t, false)
		return nil
	}
	b.s.step(StepSweep)
	more, err := b.sweepStep(t)
	if err == nil && !more {
		b.endSweep(t, true)
	}
	return err
}

func (b *batch) endSweep(t *table, done bool) {
	b.change(t, func() {
		t.sweep, t.cursor = false, nil
		if done {
			t.Phase, t.Progress, t.swept = Done, nil, true
		}
	})
	b.look = true
	if done && !t.dropped {
		b.s.log.Info("snapshot complete", "source", t.Source, "table", t.Relation.Schema+"."+t.Relation.Name,
			"id", uint64(t.ID), "generation", t.Generation, "rows", t.Rows)
	}
	if t.fence != nil {
		t.fence.passed = done
		b.passed = append(b.passed, t.fence)
		b.s.update(func() { t.fence = nil })
	}
}

// sweepStep removes stale rows: the tombstones, and once per generation after the first, rows of an older one.
func (b *batch) sweepStep(t *table) (more bool, err error) {
	var stale [][]byte
	if t.swept || t.Generation == 1 {
		stale, more, err = b.tombstones(t)
	} else {
		stale, more, err = b.oldRows(t)
	}
	if err != nil {
		return false, err
	}
	for _, key := range stale {
		r, err := b.row(t, key)
		if err != nil {
			return false, err
		}
		if !r.current() || r.gone {
			b.remove(r)
		}
	}
	return more, nil
}

// tombstones lists the keys of the next choreKeys rows that are marked as deleted. The step takes their marks away, so the next one
// begins at the front again.
func (b *batch) tombstones(t *table) (keys [][]byte, more bool, err error) {
	err = b.tx.Marks(t.ID, func(key []byte, m storage.Mark) (bool, error) {
		if len(m.Columns) == 0 {
			keys = append(keys, key)
		}
		return len(keys) < choreKeys, nil
	})
	return keys, len(keys) == choreKeys, err
}

// oldRows lists the keys of an older generation, and tombstones, among the next choreKeys rows.
func (b *batch) oldRows(t *table) (keys [][]byte, more bool, err error) {
	seen := 0
	err = b.tx.Rows(t.ID, t.cursor, func(key []byte, r storage.Row) (bool, error) {
		if seen++; seen > choreKeys {
			b.s.update(func() { t.cursor = bytes.Clone(key) })
			more = true
			return false, nil
		}
		if r.Generation != t.Generation || r.Flags&storage.Tombstone != 0 {
			keys = append(keys, key)
		}
		return true, nil
	})
	return keys, more, err
}
