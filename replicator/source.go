package replicator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/weirsync/weir/buckets"
)

// Source replicates one Postgres database into a store.
type Source struct {
	cfg    Config
	store  *buckets.Store
	log    *slog.Logger
	health health
	reg    *registry
	tasks  tasks
	recent *recent

	side    atomic.Pointer[pgxpool.Pool] // of Head and Mark; nil while Run is not running
	version atomic.Int64                 // server_version_num, as last seen

	// Set by Run before anything else uses them.
	pool    *pgxpool.Pool // catalog, markers, barriers: of the primary
	slots   *pgxpool.Pool // of the server that has the slot: pool, unless that is a standby
	chunks  *pgxpool.Pool // reading tables
	memory  *semaphore.Weighted
	workers *semaphore.Weighted // chunks in flight
	rereads *semaphore.Weighted // one at a time

	// Set by open, before the session's goroutines start.
	sv     server // the primary
	copied server // the standby, if one is read

	horizon horizon // of the standby, if one is read
}

// New makes a source. cfg.Validate must have passed. Nothing connects before Run.
func New(cfg Config, store *buckets.Store) *Source {
	cfg.fill()
	s := &Source{cfg: cfg, store: store, reg: newRegistry(), recent: newRecent(), log: cfg.Logger.With("source", cfg.Name, "slot", cfg.Slot)}
	s.memory = semaphore.NewWeighted(cfg.Snapshot.MemoryLimit)
	s.workers = semaphore.NewWeighted(int64(cfg.Snapshot.Workers))
	s.rereads = semaphore.NewWeighted(1)
	s.health.state, s.health.since = Connecting, time.Now()
	return s
}

// Name returns the source's name.
func (s *Source) Name() string { return s.cfg.Name }

// Slot returns the name of its slot.
func (s *Source) Slot() string { return s.cfg.Slot }

// settled is how long a session has to last for the next one to be tried at once.
const settled = 30 * time.Second

// Run replicates until ctx ends, and then returns nil once the last applied commit is durable and acknowledged and no goroutine of
// its own is left. A source that is down or unfit is tried again and again; Health says why. Run returns an error
// when the store stopped, or when history was lost and the policy is Stop.
func (s *Source) Run(ctx context.Context) error {
	if err := s.openPools(); err != nil {
		return err
	}
	defer s.closePools()
	defer s.enter(Stopped)
	var retry backoff
	for {
		started := time.Now()
		err := s.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if s.fatal(err) {
			return err
		}
		s.enter(Connecting)
		s.fail(err)
		if time.Since(started) > settled {
			retry.reset()
		}
		if retry.wait(ctx) != nil {
			return nil
		}
	}
}

// fatal tells whether another attempt is pointless, and notes it.
func (s *Source) fatal(err error) bool {
	var store *storeError
	stop := errors.Is(err, ErrHistoryLost) && s.cfg.OnLost == Stop
	if !stop && !errors.As(err, &store) {
		return false
	}
	s.fail(err)
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	s.health.fatal = err
	return true
}

// session connects, and replicates until something breaks or ctx ends.
func (s *Source) session(ctx context.Context) error {
	l, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.hold.watch(ctx) })
	g.Go(func() error { return s.drive(ctx, l) })
	g.Go(func() error { return s.watchStandby(ctx, l) })
	g.Go(func() error {
		s.watchSlot(ctx)
		return nil
	})
	g.Go(func() error {
		if err := l.gate.wait(ctx); err != nil {
			return err
		}
		return s.stream(ctx, l)
	})
	return g.Wait()
}

// sidePoolSize bounds the connections of Head and Mark, poolSize those of planning, slotPoolSize those to a standby that ask for its slot
// and its position; planning the reading of tables must not keep these waiting.
const (
	sidePoolSize = 2
	poolSize     = 4
	slotPoolSize = 4
)

func (s *Source) openPools() (err error) {
	var opened []*pgxpool.Pool
	open := func(uri, part string, size int) *pgxpool.Pool {
		if err != nil {
			return nil
		}
		var pool *pgxpool.Pool
		if pool, err = s.cfg.openPool(uri, part, size); err == nil {
			opened = append(opened, pool)
		}
		return pool
	}
	s.pool = open(s.cfg.control(), "control", poolSize)
	s.chunks = open(s.cfg.URI, "snapshot", s.cfg.Snapshot.Workers)
	side := open(s.cfg.control(), "head", sidePoolSize)
	if s.slots = s.pool; s.cfg.viaStandby() {
		s.slots = open(s.cfg.URI, "slot", slotPoolSize+s.cfg.Snapshot.Workers)
	}
	if err != nil {
		for _, pool := range opened {
			pool.Close()
		}
		return fmt.Errorf("source %s: %w", s.cfg.Name, err)
	}
	s.side.Store(side)
	return nil
}

func (s *Source) closePools() {
	s.side.Swap(nil).Close()
	s.chunks.Close()
	s.slots.Close() // which may be pool: closing twice does nothing
	s.pool.Close()
}

// storeErr marks an error of the store as one that ends Run, unless it only says that ctx ended or that work was overtaken.
func storeErr(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, buckets.ErrStaleGeneration) {
		return err
	}
	return &storeError{err}
}

// gate holds the stream back until it opens.
type gate struct {
	once sync.Once
	ch   chan struct{}
}

func newGate() *gate { return &gate{ch: make(chan struct{})} }

func (g *gate) open() { g.once.Do(func() { close(g.ch) }) }

func (g *gate) wait(ctx context.Context) error {
	select {
	case <-g.ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
