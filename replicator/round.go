package replicator

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/weirsync/weir/buckets"
)

// task is a table that a round takes on.
type task struct {
	unit   *unit
	table  buckets.Table
	begin  bool // a new generation
	marker bool // behind a marker: because of DDL, or because the table just came into the publication
}

// pending lists the tables that are not complete, or not any more what their snapshot was made of, and that no round has.
func (d *driver) pending() []*task {
	d.mu.Lock()
	defer d.mu.Unlock()
	var work []*task
	for _, t := range d.s.store.Tables(d.s.cfg.Name) {
		u := d.plan.unitOf(&t)
		if u == nil || d.busy[t.ID] {
			continue
		}
		replaced := t.Relation.OID != u.oid
		changed := replaced || t.Phase != buckets.Registered && !sameRelation(t.Relation, u.rel) || d.s.reg.hasChanged(u.oid)
		// A deploy's new table of a relation leaves the others alone (I11): they are as complete as before.
		begin := changed || t.Phase == buckets.Registered
		marker := changed || begin && d.marked[u.oid]
		if begin || t.Phase != buckets.Done && !t.Copying {
			d.busy[t.ID] = true
			work = append(work, &task{unit: u, table: t, begin: begin, marker: marker})
		}
	}
	for _, t := range work {
		delete(d.marked, t.unit.oid) // all tables of a relation begin together: they are only busy for the same reasons
	}
	return work
}

// idle tells whether no round is under way.
func (d *driver) idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.busy) == 0
}

// leave gives a table back.
func (d *driver) leave(id buckets.TableID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.busy, id)
	select {
	case d.ended <- struct{}{}:
	default:
	}
}

// round takes tables through their snapshot (architecture 5.3 to 5.6): begin together, one Barrier for all, chunks, fence.
// In sequential mode tables are read one after the other, and the stream begins when all have been.
func (d *driver) round(ctx context.Context, work []*task) error {
	if err := d.begin(ctx, work); err != nil {
		_ = pause(ctx, backoffMin)
		for _, t := range work {
			d.giveBack(ctx, t, err)
		}
		return d.outcome(ctx, err)
	}
	chunked := make(chan *task, len(work))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(d.s.cfg.Snapshot.tables())
	var finish errgroup.Group
	finish.Go(func() error {
		var all errgroup.Group
		for t := range chunked {
			all.Go(func() error { return d.complete(ctx, t) })
		}
		return all.Wait()
	})
	for _, t := range work {
		g.Go(func() error { return d.chunk(gctx, t, chunked) })
	}
	err := g.Wait()
	close(chunked)
	if err == nil {
		d.l.gate.open()
	}
	return errors.Join(err, finish.Wait())
}

// begin begins the generations that are due and then lets the Barrier pass.
func (d *driver) begin(ctx context.Context, work []*task) error {
	if err := d.marker(ctx, work); err != nil {
		return err
	}
	for _, t := range work {
		if !t.begin {
			continue
		}
		d.s.reg.keep(t.unit.rel)
		gen, err := d.s.store.BeginGeneration(ctx, t.table.ID, t.unit.rel)
		if errors.Is(err, buckets.ErrStaleGeneration) {
			continue // not wanted any more
		}
		if err != nil {
			return storeErr(ctx, err)
		}
		t.table.Generation, t.table.Phase, t.table.Progress = gen, buckets.Chunking, nil
		d.s.step(stepBegin, t.table.ID)
	}
	return d.barrier(ctx, work)
}

// marker waits until the stream is past the changes that make the tasks begin anew.
func (d *driver) marker(ctx context.Context, work []*task) error {
	var oids []uint32
	for _, t := range work {
		if t.marker {
			d.s.step(stepMarker, t.table.ID)
			oids = append(oids, t.unit.oid)
		}
	}
	if len(oids) == 0 {
		return nil
	}
	d.l.gate.open()
	nonce := newNonce()
	err := d.s.store.AwaitMarker(ctx, d.s.cfg.Name, nonce, func(ctx context.Context) error {
		return emitMarker(ctx, d.s.pool, nonce)
	})
	if err != nil {
		return fmt.Errorf("await marker: %w", err)
	}
	d.s.reg.settle(oids)
	return nil
}

// barrier waits until what was committed before the generations began is visible to chunks. A generation that an earlier session
// began has to wait again: nothing tells whether that session did.
func (d *driver) barrier(ctx context.Context, work []*task) error {
	var waiting []*task
	d.mu.Lock()
	for _, t := range work {
		if t.table.Phase == buckets.Chunking && d.cleared[t.table.ID] != t.table.Generation {
			waiting = append(waiting, t)
		}
	}
	d.mu.Unlock()
	if len(waiting) == 0 {
		return nil
	}
	show := func(holders string) {
		d.s.await(holders)
		for _, t := range waiting {
			d.s.tasks.waiting(t.table.ID, holders)
		}
	}
	if err := barrier(ctx, d.s.pool, show); err != nil {
		return err
	}
	if err := d.s.followPrimary(ctx, show); err != nil {
		return err
	}
	show("")
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range waiting {
		d.cleared[t.table.ID] = t.table.Generation
	}
	return nil
}

// chunk runs a task's chunk phase and passes the task on.
func (d *driver) chunk(ctx context.Context, t *task, chunked chan<- *task) error {
	if t.table.Phase == buckets.Chunking {
		d.s.step(stepChunks, t.table.ID)
		err := d.s.snapshotTable(ctx, t.unit, t.table)
		if err != nil && conditional(&t.table) && conditionFailed(err) {
			err = d.giveUp(ctx, t, err)
		}
		if err != nil && !errors.Is(err, buckets.ErrStaleGeneration) {
			_ = pause(ctx, backoffMin)
			d.giveBack(ctx, t, err)
			return d.outcome(ctx, err)
		}
	}
	chunked <- t
	return nil
}

// conditional tells whether only rows that meet a condition are read.
func conditional(t *buckets.Table) bool {
	p, err := decodeProgress(t.Progress)
	return t.Progress != nil && err == nil && p.Where != ""
}

// giveUp ends a chunk phase whose condition fails on the data: the gate must not wait for it for good.
func (d *driver) giveUp(ctx context.Context, t *task, why error) error {
	reason := conditionFault(why)
	d.s.log.Warn("resnapshot given up", "table", ident(t.unit.schema, t.unit.name), "why", reason)
	d.s.tasks.gaveUp(t.table.ID, reason)
	return storeErr(ctx, d.s.store.StopReading(ctx, t.table.ID, t.table.Generation))
}

// complete takes a task over its fence, as soon as there is a stream.
func (d *driver) complete(ctx context.Context, t *task) error {
	err := d.l.gate.wait(ctx)
	if err == nil {
		err = d.s.finishTable(ctx, t.unit, t.table)
	}
	if err != nil {
		_ = pause(ctx, backoffMin)
	}
	d.giveBack(ctx, t, err)
	return d.outcome(ctx, err)
}

// giveBack leaves a task to the next look. A table that is another one now makes the planner look at the catalog.
func (d *driver) giveBack(ctx context.Context, t *task, err error) {
	defer d.leave(t.table.ID)
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, buckets.ErrStaleGeneration):
		d.s.tasks.failed(t.table.ID, nil)
	case errors.Is(err, errReplan):
		d.s.log.Info("table changed: its snapshot begins anew", "table", t.unit.schema+"."+t.unit.name)
		d.s.reg.sawChange(t.unit.oid)
	default:
		d.s.log.Warn("snapshot interrupted", "table", t.unit.schema+"."+t.unit.name, "error", err)
		d.s.tasks.failed(t.table.ID, err)
	}
}

// outcome lets only those errors end the session that no table can be tried again after.
func (d *driver) outcome(ctx context.Context, err error) error {
	var fatal *storeError
	if ctx.Err() == nil && (errors.As(err, &fatal) || errors.Is(err, ErrHistoryLost)) {
		return err
	}
	return nil
}
