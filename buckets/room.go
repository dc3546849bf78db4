package buckets

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weirsync/weir/storage"
)

// ErrDiskFull says that nothing can be written for want of room on the disk. What was asked for has not happened. It ends Run, too, once
// there is room again after an update failed half way: the store has to be opened anew, and has all that was ever acknowledged.
var ErrDiskFull = errors.New("the disk of the store is full")

const (
	roomEvery = time.Second // how often a full disk is looked at

	// roomRetry is how long a write that failed for want of room is not tried again, although there seems to be room: a quota, or a limit
	// of the process, can't be seen.
	roomRetry = time.Minute

	// roomStep is how much more room there has to be before then. To try is to open the store again, which clients notice.
	roomStep = 16 << 20

	// roomFactor is what a batch may need for each byte of its work: ops, row states and images, and that is what the reserve is for, the
	// pages around them.
	roomFactor = 4
)

// IsNoSpace reports whether err says that there is no room on a disk.
func IsNoSpace(err error) bool { return storage.IsNoSpace(err) || errors.Is(err, ErrDiskFull) }

// DiskStats is the room on the disk of the store.
type DiskStats struct {
	Free    int64     // bytes, as last looked at; 0 while nobody looked
	Reserve int64     // that are left alone: Options.DiskReserve
	Full    bool      // nothing is stored until there is room
	Since   time.Time // of Full
}

// room is what the writer knows of the disk.
type room struct {
	look    func() (int64, error)
	reserve int64
	every   time.Duration
	retry   time.Duration

	mu    sync.Mutex // guards what follows
	stats DiskStats
}

func newRoom(look func() (int64, error), reserve int64) *room {
	return &room{look: look, reserve: reserve, every: roomEvery, retry: roomRetry, stats: DiskStats{Reserve: reserve}}
}

// Disk tells how much room there is.
func (s *Store) Disk() DiskStats {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	return s.room.stats
}

// has reports whether there is room for need bytes beside the reserve. What can't be told is no reason to stop.
func (r *room) has(need int64) (free int64, ok bool) {
	free, err := r.look()
	if err != nil {
		return 0, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Free = free
	return free, free >= r.reserve+need
}

// tell notes whether the disk is full, and reports whether that is news.
func (r *room) tell(full bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stats.Full == full {
		return false
	}
	r.stats.Full, r.stats.Since = full, time.Time{}
	if full {
		r.stats.Since = time.Now()
	}
	return true
}

// awaitRoom returns when there is room for jobs: before anything of them is applied, since bbolt may have no room left for the end of an
// update that it began. Positions stay where they are meanwhile, so nothing is acknowledged (I2), and readers go on. ErrDiskFull: ctx ended.
func (s *Store) awaitRoom(ctx context.Context, jobs []*job) error {
	if s.room.reserve == 0 {
		return nil
	}
	need := int64(0)
	for _, j := range jobs {
		need += roomFactor * int64(j.bytes)
	}
	free, ok := s.room.has(need)
	if ok {
		return nil
	}
	s.tellFull(free, s.room.reserve+need)
	return s.pollRoom(ctx, func() bool { _, ok := s.room.has(need); return ok })
}

// outlast waits until it is worth while to try again what failed for want of room. The batch is lost to this process: its memory is ahead
// of the file.
func (s *Store) outlast(ctx context.Context, failure error) error {
	before, _ := s.room.has(0)
	s.tellFull(before, before+roomStep)
	again := time.Now().Add(s.room.retry)
	err := s.pollRoom(ctx, func() bool {
		free, ok := s.room.has(0)
		return ok && (free >= before+roomStep || time.Now().After(again))
	})
	if err == nil {
		err = ErrDiskFull
	}
	return fmt.Errorf("%w: %w", err, failure)
}

func (s *Store) tellFull(free, need int64) {
	if s.room.tell(true) {
		s.log.Error("the disk is full: nothing is stored until there is room; clients are served what there is",
			"free_bytes", free, "needed_bytes", need, "hint", DiskHint)
	}
}

// DiskHint says what to do about a full disk.
const DiskHint = "make room on the disk of store.path or enlarge it; weir goes on by itself, without a restart"

func (s *Store) pollRoom(ctx context.Context, ok func() bool) error {
	tick := time.NewTicker(s.room.every)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ErrDiskFull
		}
	}
	if s.room.tell(false) {
		s.log.Info("there is room on the disk again: storing goes on")
	}
	return nil
}

// spaceError turns an error of an update into what the writer ends with.
func (s *Store) spaceError(ctx context.Context, err error) error {
	if !storage.IsNoSpace(err) {
		return err
	}
	return s.outlast(ctx, err)
}
