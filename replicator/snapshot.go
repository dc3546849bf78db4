package replicator

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirsync/weir/buckets"
)

// job is the chunk phase of one generation of a tracked table.
type job struct {
	s    *Source
	unit *unit
	id   buckets.TableID
	gen  buckets.Generation
	have []byte // progress that the store has

	mu sync.Mutex // one chunk of the table is saved at a time, so that the last one is known to be

	progress *progress
	rows     int64   // saved by this job
	perUnit  float64 // bytes of rows in a block, or of a row that is read by key, as last seen
}

// sectionsMax is how many workers one table can take.
const sectionsMax = 8

// snapshotTable reads a table chunk by chunk and stores the chunks; it goes on where the store says that the generation stands.
// errReplan: the table is another one now.
func (s *Source) snapshotTable(ctx context.Context, u *unit, t buckets.Table) error {
	j := &job{s: s, unit: u, id: t.ID, gen: t.Generation, have: t.Progress}
	if err := j.plan(ctx); err != nil {
		return err
	}
	began := time.Now()
	s.tasks.start(t.ID, t.Generation)
	g, ctx := errgroup.WithContext(ctx)
	for i := range j.progress.Sections {
		g.Go(func() error { return j.readSection(ctx, i) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	s.tasks.measured(j.rows, time.Since(began))
	return nil
}

// plan divides the table, or takes up the division that the store has, if the table's file is still the same.
func (j *job) plan(ctx context.Context) error {
	l, err := j.s.readLayout(ctx, j.unit)
	if err != nil {
		return fmt.Errorf("plan snapshot of table %s: %w", ident(j.unit.schema, j.unit.name), err)
	}
	const textFactor = 1.5 // text is longer than what is stored
	j.perUnit = textFactor * float64(l.bytes) / float64(max(l.blocks, 1))
	if !j.unit.heap() {
		j.perUnit = rowBytes
		if j.unit.estimate > 0 {
			j.perUnit = textFactor * float64(l.bytes) / float64(j.unit.estimate)
		}
	}
	j.progress = &progress{}
	if j.have != nil {
		if j.progress, err = decodeProgress(j.have); err != nil {
			return err
		}
	}
	if len(j.progress.Sections) == 0 {
		n := 1
		if j.s.cfg.Snapshot.Concurrent {
			n = min(sectionsMax, j.s.cfg.Snapshot.Workers)
		}
		asked, where := j.progress.Asked, j.progress.Where
		j.progress = newProgress(l, j.unit.shape, n)
		if !j.unit.heap() {
			j.progress.Sections = keySections(l, j.unit.estimate, n)
		}
		j.progress.Asked, j.progress.Where = asked, where
		return nil
	}
	if j.progress.Filenode != l.filenode || j.progress.Shape != j.unit.shape {
		return errReplan
	}
	return nil
}

// readSection reads a section. While a chunk is being saved, the next ones are prepared and read, as far as workers are free for them: of two
// cores one was idle for a third of a snapshot when preparing was a part of saving. They are saved in their order.
func (j *job) readSection(ctx context.Context, i int) error {
	saves, saving := errgroup.WithContext(ctx)
	turn := make(chan bool, 1) // tells the next save that those before it went well
	turn <- true
	err := j.readChunks(saving, j.progress.Sections[i], func(sec section, c *chunk, release func()) {
		mine, next := turn, make(chan bool, 1)
		turn = next
		saves.Go(func() (err error) {
			defer release()
			ready, well := j.prepare(c), <-mine
			if well {
				err = j.save(saving, i, sec, ready)
			}
			next <- well && err == nil
			return err
		})
	})
	if err := saves.Wait(); err != nil {
		return err // reading ended with it
	}
	return err
}

// readChunks reads a section from sec on, and hands on each chunk with what is to be called when it is done with.
func (j *job) readChunks(ctx context.Context, sec section, take func(sec section, c *chunk, release func())) error {
	for !sec.Done {
		if err := j.s.tasks.unpaused(ctx, j.id); err != nil {
			return err
		}
		release, err := j.admit(ctx)
		if err != nil {
			return err
		}
		c, err := j.readNext(ctx, &sec)
		if err != nil {
			release()
			return err
		}
		take(sec, c, release)
	}
	return nil
}

// admit waits until a worker is free, and a chunk's memory under the limit (I14). Both are kept until the chunk is durable: what a crash
// makes to be read again is a chunk per worker.
func (j *job) admit(ctx context.Context) (release func(), err error) {
	weight := j.s.cfg.Snapshot.ChunkBytes
	if err := j.s.workers.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	if err := j.s.memory.Acquire(ctx, weight); err != nil {
		j.s.workers.Release(1)
		return nil, err
	}
	return func() {
		j.s.memory.Release(weight)
		j.s.workers.Release(1)
	}, nil
}

// readNext reads the next chunk of a section and moves it on.
func (j *job) readNext(ctx context.Context, sec *section) (*chunk, error) {
	sp := j.nextSpan(sec)
	limit := j.s.cfg.Snapshot.ChunkBytes
	var retry backoff
	if err := j.s.checkSlot(ctx); err != nil {
		return nil, err // what is read behind a lost slot is read for nothing
	}
	for {
		c, err := j.s.readChunk(ctx, j.unit, j.progress, sp, limit)
		if err != nil && passing(err) {
			what := "a lock on the table"
			if !locked(err) {
				what = "another attempt: the replay of the standby went before"
			}
			j.s.tasks.waiting(j.id, what)
			if err := retry.wait(ctx); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		j.s.tasks.waiting(j.id, "")
		if hook := j.s.cfg.hooks.chunkRead; hook != nil {
			hook(ctx, j.unit.rel, len(c.rows))
		}
		j.learn(c, sp)
		sec.Next, sec.After = c.next, c.after
		switch {
		case c.cut:
		case j.unit.heap():
			sec.Done = sp.end == sec.End
		default:
			sec.Done = len(c.rows) < sp.rows
		}
		return c, nil
	}
}

const (
	blocksMax = 16 << 10 // bounds the blocks of a chunk where blocks hold nothing
	rowBytes  = 1 << 10  // what a row that is read by key is taken for, where nothing is known
)

// nextSpan is the range of the next chunk: as many blocks, or rows, as should fill it to four fifths.
func (j *job) nextSpan(sec *section) span {
	j.mu.Lock()
	defer j.mu.Unlock()
	units := 0.8 * float64(j.s.cfg.Snapshot.ChunkBytes) / max(j.perUnit, 1)
	if !j.unit.heap() {
		return span{after: sec.After, until: sec.Until, rows: max(int(units), 1)}
	}
	blocks := min(units, blocksMax)
	return span{start: sec.Next, end: min(sec.Next.Block+max(uint32(blocks), 1), sec.End)}
}

// learn corrects the estimate of a unit's size by what a chunk brought.
func (j *job) learn(c *chunk, sp span) {
	units := int(sp.end - sp.start.Block)
	switch {
	case !j.unit.heap():
		units = len(c.rows)
	case c.cut:
		units = int(c.next.Block + 1 - sp.start.Block)
	}
	seen := float64(c.bytes) / float64(max(units, 1))
	j.mu.Lock()
	defer j.mu.Unlock()
	j.perUnit = (j.perUnit + seen) / 2
}

// prepare does what the store can do of a chunk before its turn.
func (j *job) prepare(c *chunk) *buckets.Chunk {
	b := &buckets.Chunk{Table: j.id, Generation: j.gen, Relation: j.unit.rel, Rows: c.rows, Bytes: int(c.bytes)}
	j.s.store.Prepare(b)
	return b
}

// save stores a chunk together with the progress that it makes.
func (j *job) save(ctx context.Context, i int, sec section, c *buckets.Chunk) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	next := *j.progress
	next.Sections = slices.Clone(next.Sections)
	next.Sections[i] = sec
	data, err := next.encode()
	if err != nil {
		return err
	}
	c.Progress, c.Last = data, next.done()
	if err := j.s.store.SaveChunk(ctx, c); err != nil {
		return storeErr(ctx, err)
	}
	j.progress.Sections[i] = sec
	j.rows += int64(len(c.Rows))
	j.s.tasks.read(j.id, j.gen, len(c.Rows), int64(c.Bytes))
	j.s.step(stepSaved, j.id)
	return nil
}
