package buckets

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weirsync/weir/storage"
)

const (
	batchBytes = 16 << 20 // of chunks that one bbolt update takes

	// streamBytes is how much of a backlog of the stream it takes: updates at random rewrite most leaves of a large table's row states,
	// so fewer updates write less. 100,000 updates of a million rows are 15 % sooner than with a third of it.
	streamBytes = 32 << 20

	// keepaliveDelay is how long a position that only keepalives moved may wait for its fsync, unless a write checkpoint wants it.
	keepaliveDelay = time.Second
)

// Run is the writer. It returns nil when ctx ends, after everything queued has been committed, or the error that stopped the
// store: nothing can be written then, and readers keep what is there. Writes wait until it runs, and while the disk is full: when ctx ends
// then, what is queued gets ErrDiskFull and nil is returned. ErrDiskFull from Run: open the store again.
func (s *Store) Run(ctx context.Context) error {
	tendCtx, stopTending := context.WithCancel(ctx)
	defer stopTending()
	var tending sync.WaitGroup
	if !s.opts.Compact.Off {
		tending.Go(func() { s.tend(tendCtx) })
	}
	err := s.write(ctx)
	if errors.Is(err, ErrDiskFull) && ctx.Err() != nil {
		s.log.Warn("stopped with a full disk: what was not stored will be asked of the sources again")
		err = nil
	}
	reason := err
	if reason == nil {
		reason = ErrStopped
	}
	s.update(func() { s.failure = err })
	s.queue.stop(reason)
	stopTending()
	tending.Wait()
	return err
}

func (s *Store) write(ctx context.Context) error {
	if err := s.awaitRoom(ctx, nil); err != nil {
		return err
	}
	if err := s.dropOrphans(); err != nil {
		return s.spaceError(ctx, fmt.Errorf("write to the store: %w", err))
	}
	idle := time.NewTimer(keepaliveDelay)
	defer idle.Stop()
	kept := map[string]Position{} // positions of keepalives that are not stored yet
	s.queue.wake()                // for chores that a process before did not end
	for ctx.Err() == nil {
		due := false
		if len(s.staged) > 0 { // goes first, and alone: a step per update
			if err := s.commit(ctx, nil, kept); err != nil {
				return err
			}
			continue
		}
		select {
		case <-s.queue.ready:
		case <-idle.C:
			due = true
			idle.Reset(keepaliveDelay)
			s.known.rest()
		case <-ctx.Done():
		}
		jobs := s.keep(s.queue.take(streamBytes, batchBytes), kept)
		urgent := due || len(s.waiting) > 0 || ctx.Err() != nil
		if len(jobs) > 0 || len(kept) > 0 && urgent {
			if err := s.commit(ctx, jobs, kept); err != nil {
				return err
			}
		}
		if len(s.staged) == 0 && ctx.Err() == nil {
			if err := s.chore(ctx, kept); err != nil {
				return err
			}
		}
	}
	for {
		var jobs []*job
		if len(s.staged) == 0 {
			jobs = s.keep(s.queue.take(streamBytes, batchBytes), kept)
		}
		if len(jobs)+len(kept)+len(s.staged) == 0 {
			return nil
		}
		if err := s.commit(ctx, jobs, kept); err != nil {
			return err
		}
	}
}

// keep takes the keepalives out of jobs. One that stands behind a transaction in jobs must not be stored before it, but both go
// into the same update, so their order does not matter.
func (s *Store) keep(jobs []*job, kept map[string]Position) []*job {
	rest := jobs[:0]
	for _, j := range jobs {
		if j.kind != jobKeepalive {
			rest = append(rest, j)
			continue
		}
		if j.pos > max(kept[j.source], s.Durable(j.source)) {
			kept[j.source] = j.pos
		}
	}
	return rest
}

// commit makes jobs durable in one bbolt update, publishes what they made visible, and lets their callers go on. While the disk is full
// it waits. An error of the update stops the store.
func (s *Store) commit(ctx context.Context, jobs []*job, kept map[string]Position) error {
	if err := s.awaitRoom(ctx, jobs); err != nil {
		finish(jobs, err)
		return err
	}
	began := time.Now()
	var b *batch
	err := s.db.Update(func(tx *storage.Tx) (err error) {
		if b, err = s.newBatch(tx); err != nil {
			return err
		}
		if err := b.apply(jobs, kept); err != nil {
			return err
		}
		b.tally.applied = time.Now()
		s.step(StepCommit)
		return nil
	})
	if err != nil {
		err = s.spaceError(ctx, fmt.Errorf("write to the store: %w", err))
		finish(jobs, err)
		return err
	}
	s.step(StepDurable)
	clear(kept)
	b.news.committed = s.figures.oldest(b)
	s.figures.take(b, began, s.opts.Trace) // before a session can have sent what it tells of
	s.tellGate(b.held)
	s.publish(b)
	finish(jobs, nil)
	return nil
}

func finish(jobs []*job, err error) {
	for _, j := range jobs {
		j.finish(err)
	}
}

// tellGate logs that the gate closes or opens (I9).
func (s *Store) tellGate(shut bool) {
	was := s.figures.shut
	s.figures.shut = shut
	switch {
	case shut && !was:
		s.log.Info("checkpoints are held back until the tables that are read are complete")
	case was && !shut:
		s.log.Info("checkpoints are published again")
	}
}

// publish tells the rest of the process what a durable batch changed. Who waited for the batch itself goes on last, so that nothing of
// it comes as news to a subscription made afterwards.
func (s *Store) publish(b *batch) {
	s.feed.publish(b.news)
	s.compactor.note(b.due)
	s.update(func() {
		for name, pos := range b.positions {
			s.sources[name].durable = pos
		}
		for _, v := range b.ended {
			v.Program, v.byRules = nil, nil // not before: views of the checkpoint before may begin until now
		}
		close(s.moved)
		s.moved = make(chan struct{})
		if b.look {
			close(s.changed)
			s.changed = make(chan struct{})
		}
	})
	for _, m := range b.passed {
		close(m.done)
	}
}
