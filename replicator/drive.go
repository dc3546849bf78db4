package replicator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirsync/weir/buckets"
)

// driver keeps the tracked tables in step with the rules and the catalog: it plans, tracks what is new, and takes tables that
// are not complete through their snapshot.
type driver struct {
	s     *Source
	l     *link
	group *errgroup.Group

	plan    *plan
	defs    []buckets.DefinitionID // that plan is for
	members map[uint32]uint32      // pg_publication_rel.oid by relation, as last seen
	due     time.Time              // of the next look at the catalog
	every   time.Duration          // between looks
	marked  map[uint32]bool        // relations whose next generation begins behind a marker
	planned bool                   // a plan was made in this session
	held    bool                   // the stream waits for the chunk phases

	mu      sync.Mutex
	busy    map[buckets.TableID]bool               // in a round
	cleared map[buckets.TableID]buckets.Generation // a Barrier was taken in this session
	ended   chan struct{}                          // capacity 1: a round ended or a table left one
}

// drive runs until ctx ends or planning fails; a table that fails is tried again and stops nobody else.
func (s *Source) drive(ctx context.Context, l *link) error {
	group, ctx := errgroup.WithContext(ctx)
	d := &driver{
		s: s, l: l, group: group, every: s.cfg.CatalogPoll,
		members: map[uint32]uint32{}, marked: map[uint32]bool{}, busy: map[buckets.TableID]bool{},
		cleared: map[buckets.TableID]buckets.Generation{}, ended: make(chan struct{}, 1),
	}
	if d.held = s.held(); d.held {
		s.enter(Snapshot)
	}
	group.Go(func() error { return d.run(ctx) })
	return group.Wait()
}

// held tells whether the stream has to wait for the chunk phases: in sequential mode, while no table is complete. Once one
// is, clients may be served, and they get their changes whatever is being read beside.
func (s *Source) held() bool {
	done := slices.ContainsFunc(s.store.Tables(s.cfg.Name), func(t buckets.Table) bool { return t.Phase == buckets.Done })
	return !s.cfg.Snapshot.Concurrent && !done
}

// lookSoon is the first pause between looks at the catalog after the stream brought something unknown.
const lookSoon = 50 * time.Millisecond

func (d *driver) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		changed := d.s.store.Changed()
		if err := d.look(ctx); err != nil {
			return err
		}
		timer.Reset(time.Until(d.due))
		select {
		case <-changed:
		case <-d.ended:
		case <-timer.C:
		case <-d.s.reg.wake:
			// What the stream has brought may not be visible to us yet: look at once, and again soon.
			d.due, d.every = time.Time{}, lookSoon
		case <-ctx.Done():
			return nil
		}
	}
}

// look plans, if there is reason to, and starts a round for the tables that need one.
func (d *driver) look(ctx context.Context) error {
	defs := d.s.store.Definitions()
	if ids := definitionIDs(defs); !time.Now().Before(d.due) || !slices.Equal(ids, d.defs) {
		if err := d.replan(ctx, demandOf(d.s.cfg.Name, defs)); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		d.every = min(d.every, d.s.cfg.CatalogPoll)
		d.defs, d.due = ids, time.Now().Add(d.every)
		d.every *= 4
	}
	work := d.pending()
	if len(work) > 0 {
		d.group.Go(func() error { return d.round(ctx, work) })
	}
	// Not before the first plan: what the stream met of an unknown relation would be skipped, and only the generations that begin
	// from here on make that good.
	if !d.held || d.idle() {
		d.l.gate.open()
	}
	return nil
}

func definitionIDs(defs []buckets.Definition) []buckets.DefinitionID {
	ids := make([]buckets.DefinitionID, 0, len(defs))
	for i := range defs {
		ids = append(ids, defs[i].ID)
	}
	slices.Sort(ids)
	return ids
}

// replan reads the catalog, publishes and tracks what is new.
func (d *driver) replan(ctx context.Context, want demand) error {
	if err := d.checkPublication(ctx); err != nil {
		return err
	}
	p, err := d.s.makePlan(ctx, want)
	if err != nil {
		return err
	}
	p, added, err := d.s.publish(ctx, p)
	if err != nil {
		return err
	}
	for oid := range added {
		d.marked[oid] = true
	}
	d.checkMembers(p)
	// The stream must know a relation before its generation begins: what it skips until then was committed before the Barrier.
	d.s.reg.replace(p.units, d.s.store.Tables(d.s.cfg.Name))
	d.s.failTables(p.faults)
	d.plan = p
	for _, u := range p.units {
		tables, err := d.s.store.Track(ctx, d.s.cfg.Name, u.rel)
		if err != nil {
			return storeErr(ctx, fmt.Errorf("track table %s: %w", ident(u.schema, u.name), err))
		}
		d.s.tasks.estimate(tables, u)
		if !d.planned && !d.l.fresh {
			d.markUnbegun(u, tables)
		}
	}
	d.planned = true
	d.warnOrphans()
	return storeErr(ctx, d.s.store.Planned(ctx, d.s.cfg.Name, p.ready()))
}

// markUnbegun: an earlier process may have died between adding a table to the publication and beginning its generation.
func (d *driver) markUnbegun(u *unit, tables []buckets.Table) {
	for _, t := range tables {
		if t.Phase == buckets.Registered {
			d.marked[u.oid] = true
		}
	}
}

// checkPublication finds a publication that someone else dropped or changed: changes are missing from the stream then (I13).
func (d *driver) checkPublication(ctx context.Context) error {
	pub, err := readPublication(ctx, d.s.pool, d.s.cfg.Publication)
	if err != nil {
		return err
	}
	state, _ := d.s.store.Source(d.s.cfg.Name)
	if pub.oid != state.PublicationOID {
		return &LostError{Why: fmt.Sprintf("publication %s was dropped", d.s.cfg.Publication), Hint: "don't drop publications that are in use"}
	}
	faults := pub.faults(d.s.cfg.Publication)
	if len(faults) == 0 {
		return nil
	}
	for _, t := range d.s.store.Tables(d.s.cfg.Name) {
		if _, err := d.s.store.BeginGeneration(ctx, t.ID, t.Relation); err != nil {
			return storeErr(ctx, err)
		}
	}
	return faults
}

// checkMembers finds tables that were taken out of the publication and put in again.
func (d *driver) checkMembers(p *plan) {
	for _, u := range p.units {
		if was, known := d.members[u.oid]; known && was != u.member {
			d.marked[u.oid] = true
		}
		d.members[u.oid] = u.member
	}
}

// warnOrphans tells of tracked tables that are not there any more.
func (d *driver) warnOrphans() {
	for _, t := range d.s.store.Tables(d.s.cfg.Name) {
		if d.plan.unit(t.Relation.OID) == nil {
			d.s.tasks.waiting(t.ID, "the table is gone, detached or unfit")
		}
	}
}

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
		u := d.plan.unit(t.Relation.OID)
		if u == nil || d.busy[t.ID] {
			continue
		}
		changed := t.Phase != buckets.Registered && !sameRelation(t.Relation, u.rel) || d.s.reg.hasChanged(u.oid)
		marker := changed || d.marked[u.oid]
		begin := marker || t.Phase == buckets.Registered
		if begin || t.Phase != buckets.Done {
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
		for _, t := range work {
			d.retry(ctx, t, err)
		}
		return d.outcome(ctx, err)
	}
	chunked := make(chan *task, len(work))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(d.s.cfg.Snapshot.Workers)
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
		gen, err := d.s.store.BeginGeneration(ctx, t.table.ID, t.unit.rel)
		if errors.Is(err, buckets.ErrStaleGeneration) {
			continue // not wanted any more
		}
		if err != nil {
			return storeErr(ctx, err)
		}
		t.table.Generation, t.table.Phase, t.table.Progress = gen, buckets.Chunking, nil
		d.s.step("begin", t.table.ID)
	}
	return d.barrier(ctx, work)
}

// marker waits until the stream is past the changes that make the tasks begin anew.
func (d *driver) marker(ctx context.Context, work []*task) error {
	var oids []uint32
	for _, t := range work {
		if t.marker {
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
		d.s.step("chunks", t.table.ID)
		err := d.s.snapshotTable(ctx, t.unit, t.table)
		if err != nil && !errors.Is(err, buckets.ErrStaleGeneration) {
			d.retry(ctx, t, err)
			return d.outcome(ctx, err)
		}
	}
	chunked <- t
	return nil
}

// complete takes a task over its fence, as soon as there is a stream.
func (d *driver) complete(ctx context.Context, t *task) error {
	if d.l.gate.wait(ctx) != nil {
		d.leave(t.table.ID)
		return nil
	}
	err := d.s.finishTable(ctx, t.unit, t.table)
	d.retry(ctx, t, err)
	return d.outcome(ctx, err)
}

// retry gives a task back, after a pause if it failed. A table that is another one now makes the planner look at the catalog.
func (d *driver) retry(ctx context.Context, t *task, err error) {
	defer d.leave(t.table.ID)
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, buckets.ErrStaleGeneration):
		d.s.tasks.waiting(t.table.ID, "")
	case errors.Is(err, errReplan):
		d.s.log.Info("table changed: its snapshot begins anew", "table", ident(t.unit.schema, t.unit.name))
		d.s.reg.sawChange(t.unit.oid)
	default:
		d.s.log.Warn("snapshot interrupted", "table", ident(t.unit.schema, t.unit.name), "error", err)
		d.s.tasks.waiting(t.table.ID, err.Error())
	}
	if err != nil && ctx.Err() == nil {
		_ = pause(ctx, backoffMin)
	}
}

// outcome lets only those errors end the session that no table can be tried again after.
func (d *driver) outcome(ctx context.Context, err error) error {
	var fatal *storeError
	if ctx.Err() == nil && errors.As(err, &fatal) {
		return err
	}
	return nil
}
