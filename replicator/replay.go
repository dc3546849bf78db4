package replicator

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/weirsync/weir/buckets"
)

// horizon is the position that a standby must have replayed before anything is read from it. Within a session it only grows: a standby that
// comes back from a crash begins behind what it has shown before.
type horizon struct{ at atomic.Uint64 }

// forget is for a new session, whose servers may be others. It takes its Barriers again.
func (h *horizon) forget() { h.at.Store(0) }

func (h *horizon) raise(to buckets.Position) {
	for at := h.at.Load(); at < uint64(to) && !h.at.CompareAndSwap(at, uint64(to)); at = h.at.Load() {
	}
}

// readReplay reads how far a standby is. While recovering, everything up to at is from its primary: at is read first.
func readReplay(ctx context.Context, q querier) (at buckets.Position, recovering bool, err error) {
	var text string
	if err := q.QueryRow(ctx, "SELECT coalesce(pg_last_wal_replay_lsn(), '0/0')::text, pg_is_in_recovery()").Scan(&text, &recovering); err != nil {
		return 0, false, fmt.Errorf("read the standby's position: %w", err)
	}
	lsn, err := pglogrepl.ParseLSN(text)
	if err != nil {
		return 0, false, fmt.Errorf("read the standby's position: %w", err)
	}
	return buckets.Position(lsn), recovering, nil
}

// followPrimary raises the horizon to the present end of the primary's WAL, and waits until the standby is there. What is committed on the
// primary, and visible there, is then visible to chunks.
func (s *Source) followPrimary(ctx context.Context, report func(waiting string)) error {
	if !s.cfg.viaStandby() {
		return nil
	}
	at, err := emitMarkerAt(ctx, s.pool, headContent)
	if err != nil {
		return err
	}
	s.horizon.raise(at)
	return s.replayed(ctx, s.slots, report)
}

// replayed returns once the standby that q asks has replayed up to the horizon. It is asked on the session that will read, since an address
// can lead to another server each time.
func (s *Source) replayed(ctx context.Context, q querier, report func(waiting string)) error {
	if !s.cfg.viaStandby() {
		return nil
	}
	poll := barrierPollMin
	next := time.Now().Add(holdersAfter)
	reported := false
	for {
		at, recovering, err := readReplay(ctx, q)
		want := buckets.Position(s.horizon.at.Load())
		switch {
		case err != nil:
			return err
		case !recovering:
			return promoted()
		case at >= want:
			if reported {
				report("")
			}
			return nil
		}
		if now := time.Now(); now.After(next) {
			next, reported = now.Add(holdersEvery), true
			report(fmt.Sprintf("the standby, which has replayed up to %s and has to reach %s", at, want))
		}
		if err := pause(ctx, poll); err != nil {
			return err
		}
		poll = min(2*poll, barrierPollMax)
	}
}

// visible is the weak barrier: it returns once chunks see all that the stream had applied at started, and more may. A standby has replayed
// what it streams, and shows what it has replayed.
func (s *Source) visible(ctx context.Context, started buckets.Position, report func(waiting string)) error {
	if s.cfg.viaStandby() {
		s.horizon.raise(started)
		return s.replayed(ctx, s.slots, report)
	}
	return s.recent.barrier(ctx, s.pool, report)
}

// vouch returns nil if what the stream brought up to pos is the primary's. What a standby streams once it is promoted is of another
// timeline, and must not be stored under this one: its history would look lost. A standby streams only what it has replayed, so one
// question serves for all that is streamed up to where it stands.
func (st *stream) vouch(ctx context.Context, pos buckets.Position) error {
	for st.s.cfg.viaStandby() && pos > st.vouched {
		at, recovering, err := readReplay(ctx, st.s.slots)
		switch {
		case err != nil:
			return err
		case !recovering:
			return promoted()
		case at < pos:
			if err := pause(ctx, barrierPollMin); err != nil {
				return err
			}
		}
		st.vouched = at
	}
	return nil
}
