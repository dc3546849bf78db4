package buckets

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/weirsync/weir/storage"
)

// QueueBytesDefault bounds each of the writer's queues.
const QueueBytesDefault = 64 << 20

// Options of a Store. Zero values mean the defaults named.
type Options struct {
	Logger     *slog.Logger     // discards by default
	Now        func() time.Time // time.Now
	QueueBytes int              // bound of each of the writer's queues, QueueBytesDefault
	Sources    []string         // names of the configured sources, ["default"]

	Step func(name string) // for tests: called by the writer where something is about to happen (Step constants); nil

	Trace func(CommitTimes) // is told of every commit once it is published; the writer calls it, so it must not block

	RowImages   RowImages     // RowImagesToast
	KeepRetired time.Duration // how long a replaced version can be rolled back to; 0: not at all
	Compact     CompactOptions
	DiskReserve int64 // bytes of the disk that are left free: with less nothing is stored, see ErrDiskFull; 0: not looked at

	copyRows int  // that one step of a copy takes on, choreKeys; tests make it small
	noSync   bool // for tests that crash no process
}

// RowImages says which column values are kept beside a row's state.
type RowImages string

// Row images.
const (
	RowImagesNone  RowImages = "none"  // every unchanged-TOAST update is repaired by a re-read
	RowImagesToast RowImages = "toast" // values that an update may leave out because they are TOASTed
	RowImagesAll   RowImages = "all"   // whole rows: what is deployed later is built from them, without a read of the source
)

// Steps of the writer, of which Options.Step is told.
const (
	StepStaged  = "staged"  // a part of a big transaction was applied, its batch goes on
	StepSweep   = "sweep"   // rows of older generations are about to be removed
	StepCopy    = "copy"    // rows of another table are about to be copied
	StepCommit  = "commit"  // the batch is applied, and about to be made durable
	StepDurable = "durable" // the batch is durable, and neither published nor acknowledged
)

func (s *Store) step(name string) {
	if s.opts.Step != nil {
		s.opts.Step(name)
	}
}

// Store is a checkpoint store: one writer, many readers. All methods are safe for concurrent use.
type Store struct {
	opts  Options
	log   *slog.Logger
	db    *storage.DB
	queue *queue
	feed  *feed

	figures *figures

	mu sync.RWMutex // guards what follows; only the writer changes it, so the writer reads it without

	catalog catalog
	sources map[string]*source
	markers map[string]*marker // by nonce
	changed chan struct{}      // closed and replaced when a driver of snapshots should look again
	moved   chan struct{}      // closed and replaced when a durable position moved
	failure error              // why the store stopped

	waiting map[string]storage.WriteCheckpoint // write checkpoints not reached yet; the writer's own
	staged  map[string]*staged                 // big transactions that are being applied, by source; the writer's own

	restored restored // the zero value: the store is no backup

	compactor *compactor

	omit omit // tests only

	scratches []*scratch // one for each goroutine that evaluates; the writer's own
	chores    []chore    // the writer's own
	pace      pace       // of chores; the writer's own
	runs      runLimits
	loads     loadLimits
	known     known // the writer's own
	room      *room

	garbage garbage // of the definition that is being reclaimed; the writer's own
}

// Open opens the store file at path, or creates it. The file stays locked against other processes until Close. A file that is not
// a store gives a storage.ForeignError, one in use storage.ErrLocked.
func Open(path string, opts Options) (*Store, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.RowImages == "" {
		opts.RowImages = RowImagesToast
	}
	if opts.QueueBytes == 0 {
		opts.QueueBytes = QueueBytesDefault
	}
	if len(opts.Sources) == 0 {
		opts.Sources = []string{"default"}
	}
	if opts.copyRows == 0 {
		opts.copyRows = choreKeys
	}
	opts.Compact.fill()
	db, err := storage.Open(path, freshCounters(opts.Now()))
	if err != nil {
		return nil, err
	}
	if opts.noSync {
		db.NoSync()
	}
	s := &Store{
		runs: defaultRuns, loads: defaultLoads, opts: opts, log: opts.Logger, db: db, queue: newQueue(opts.QueueBytes), feed: newFeed(), figures: newFigures(opts.Sources),
		sources: map[string]*source{}, markers: map[string]*marker{}, waiting: map[string]storage.WriteCheckpoint{}, staged: map[string]*staged{},
		changed: make(chan struct{}), moved: make(chan struct{}),
	}
	s.known = newKnown()
	s.room = newRoom(db.Room, opts.DiskReserve)
	s.compactor = newCompactor(s.do)
	s.chores = s.choresOf()
	if err := s.reuse(); err != nil {
		return nil, errors.Join(fmt.Errorf("take the backup %s into use: %w", path, err), db.Close())
	}
	if err := db.View(s.load); err != nil {
		return nil, errors.Join(fmt.Errorf("load store %s: %w", path, err), db.Close())
	}
	s.warnAbandoned()
	if v := s.catalog.active; v != nil {
		s.figures.shut = !s.catalog.open(v) || len(s.restored.Sources) > 0
		s.figures.stats.Held = s.figures.shut
	}
	return s, nil
}

// warnAbandoned tells of tables that were being read when their source was taken out of the configuration: what is there of them is
// served as it is.
func (s *Store) warnAbandoned() {
	for _, t := range s.catalog.tables {
		if t.wanted() && t.Phase != Done && !slices.Contains(s.opts.Sources, t.Source) {
			s.log.Warn("a table is served as far as it was read: its source is not configured any more; configure it again to complete the table, "+
				"or deploy rules without it", "source", t.Source, "table", t.Relation.Schema+"."+t.Relation.Name)
		}
	}
}

// freshCounters are the first ids of a new store. Op ids start above those of any store lost before (I3), definition ids at a
// random tag, so that no bucket name of a lost store comes back with another history (I3b).
func freshCounters(now time.Time) storage.Counters {
	var tag [4]byte
	_, _ = rand.Read(tag[:]) // never fails
	return storage.Counters{
		Op:         OpID(now.UnixMilli()) << 20,
		Bucket:     1,
		Definition: DefinitionID(binary.BigEndian.Uint32(tag[:])&0x7fffffff)<<8 + 1,
		Table:      1, Version: 1, String: 1,
	}
}

// load fills the memory from the file.
func (s *Store) load(tx *storage.Tx) error {
	if err := s.catalog.load(tx, s.opts.Sources); err != nil {
		return err
	}
	if err := s.loadSources(tx); err != nil {
		return err
	}
	if err := s.loadStaged(tx); err != nil {
		return err
	}
	if err := s.loadRestored(tx); err != nil {
		return err
	}
	cp, err := tx.Checkpoint()
	if err != nil {
		return err
	}
	s.feed.op = cp.Op
	return tx.WriteCheckpoints("", func(key string, w storage.WriteCheckpoint) bool {
		if !passed(cp.Positions, w.Heads) {
			s.waiting[key] = w
		}
		return true
	})
}

// Close closes the file. Run must have returned.
func (s *Store) Close() error { return s.db.Close() }

// update changes the writer's memory under the lock.
func (s *Store) update(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

// Changed returns a channel that is closed at the next change of Definitions, of a table's Phase, or when a table gets its
// first partial row: whoever drives snapshots calls Changed, looks, then waits.
func (s *Store) Changed() <-chan struct{} {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.changed
}

// Failure returns why the store stopped, or nil while it works.
func (s *Store) Failure() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.failure
}

// do runs fn as a job of the writer, in the order of the stream, and returns when its effects are durable. An error of fn comes
// back as it is; fn must not have changed anything then.
func (s *Store) do(ctx context.Context, fn func(*batch) error) error {
	return s.queue.run(ctx, &job{kind: jobControl, control: fn})
}
