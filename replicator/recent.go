package replicator

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// recent are the transactions that were handed to the store and may still be invisible to readers. The weak barrier waits for
// those only, so that a transaction of the application that stays open for hours holds up no repair (architecture 5.8).
type recent struct {
	mu sync.Mutex

	xids   map[uint32]struct{}
	base   uint64 // transactions below it count as well; 0: none do
	blind  bool   // base has to be taken: there may be more than xids has, from an earlier process or because they were too many
	forgot int    // how often that came to be
}

// recentMax bounds what is remembered: some seconds of a busy source (I14).
const recentMax = 1 << 18

func newRecent() *recent { return &recent{xids: map[uint32]struct{}{}, blind: true} }

// add remembers a transaction. It comes before the transaction is handed over, so none that is applied is missing.
func (r *recent) add(xid uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.xids) >= recentMax {
		r.forgetLocked()
	}
	r.xids[xid] = struct{}{}
}

// forget is for a server whose xids are others.
func (r *recent) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetLocked()
}

func (r *recent) forgetLocked() {
	r.xids, r.blind = map[uint32]struct{}{}, true
	r.forgot++
}

// prune forgets what has become visible. It is called now and then.
func (r *recent) prune(ctx context.Context, q querier) error {
	if _, _, err := r.list(ctx, q); err != nil {
		return err
	}
	snap, err := readSnapshot(ctx, q)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if snap.xmin >= r.base {
		r.base = 0
	}
	for xid := range r.xids {
		if snap.sees(snap.widen(xid)) {
			delete(r.xids, xid)
		}
	}
	return nil
}

// list returns base and xids, after taking base if that is due: an xid of our own is above all that have been handed over.
func (r *recent) list(ctx context.Context, q querier) (base uint64, xids []uint32, err error) {
	for {
		r.mu.Lock()
		forgot := r.forgot
		if !r.blind {
			base, xids = r.base, slices.Collect(maps.Keys(r.xids))
			r.mu.Unlock()
			return base, xids, nil
		}
		r.mu.Unlock()
		x, err := takeXID(ctx, q)
		if err != nil {
			return 0, nil, err
		}
		r.mu.Lock()
		if r.forgot == forgot { // else what was forgotten meanwhile may be above x
			r.base, r.blind = x, false
		}
		r.mu.Unlock()
	}
}

// barrier returns once every transaction that was handed to the store before the call is visible to new snapshots.
func (r *recent) barrier(ctx context.Context, q querier, report func(waiting string)) error {
	base, need, err := r.list(ctx, q)
	if err != nil {
		return err
	}
	poll := barrierPollMin
	next := time.Now().Add(holdersAfter)
	for {
		snap, err := readSnapshot(ctx, q)
		if err != nil {
			return err
		}
		need = slices.DeleteFunc(need, func(xid uint32) bool { return snap.sees(snap.widen(xid)) })
		if snap.xmin >= base && len(need) == 0 {
			return nil
		}
		if now := time.Now(); now.After(next) {
			next = now.Add(holdersEvery)
			report(fmt.Sprintf("%d transactions that are committed and not visible yet", max(len(need), 1)))
		}
		if err := pause(ctx, poll); err != nil {
			return err
		}
		poll = min(2*poll, barrierPollMax)
	}
}

// snapshot is what pg_current_snapshot gives.
type snapshot struct {
	xmin, xmax uint64
	running    []uint64 // between the two
}

func readSnapshot(ctx context.Context, q querier) (snapshot, error) {
	var text string
	if err := q.QueryRow(ctx, "SELECT pg_current_snapshot()::text").Scan(&text); err != nil {
		return snapshot{}, fmt.Errorf("read snapshot: %w", err)
	}
	return parseSnapshot(text)
}

// parseSnapshot reads xmin:xmax:xid,xid,...
func parseSnapshot(text string) (snap snapshot, err error) {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) != 3 {
		return snap, fmt.Errorf("read snapshot %q", text)
	}
	number := func(text string) (n uint64) {
		if err == nil {
			n, err = strconv.ParseUint(text, 10, 64)
		}
		return n
	}
	snap.xmin, snap.xmax = number(parts[0]), number(parts[1])
	for xid := range strings.SplitSeq(parts[2], ",") {
		if xid != "" {
			snap.running = append(snap.running, number(xid))
		}
	}
	if err != nil {
		return snapshot{}, fmt.Errorf("read snapshot %q: %w", text, err)
	}
	return snap, nil
}

// sees tells whether a transaction that has committed is visible.
func (s *snapshot) sees(xid uint64) bool {
	return xid < s.xmin || xid < s.xmax && !slices.Contains(s.running, xid)
}

// widen gives an xid of the stream its epoch: the one nearest to the snapshot.
func (s *snapshot) widen(xid uint32) uint64 { return s.xmax + uint64(int64(int32(xid-uint32(s.xmax)))) }
