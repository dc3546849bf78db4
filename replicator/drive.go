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

// driver keeps the tracked tables in step with the rules and the catalog: it plans, tracks what is new, and takes tables that
// are not complete through their snapshot.
type driver struct {
	s     *Source
	l     *link
	group *errgroup.Group

	plan    *plan
	defs    []buckets.DefinitionID // that plan is for
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
		marked: map[uint32]bool{}, busy: map[buckets.TableID]bool{},
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

// faultyPoll is the pause at most while tables are unfit: whoever mends one is watching.
const faultyPoll = 5 * time.Second

// doubtMax is how long a description in the stream that says nothing new may wait for a look: vacuuming causes them too.
const doubtMax = time.Second

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
		case <-d.s.reg.doubt:
			if by := time.Now().Add(doubtMax); by.Before(d.due) {
				d.due = by
			}
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
			return err
		}
		d.every = min(d.every, d.s.cfg.CatalogPoll)
		if len(d.plan.faults) > 0 {
			d.every = min(d.every, faultyPoll)
		}
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
	if hook := d.s.cfg.hooks.planning; hook != nil {
		hook(ctx)
	}
	if err := d.s.checkSlot(ctx); err != nil {
		return err
	}
	if err := d.s.recent.prune(ctx, d.s.pool); err != nil {
		return err
	}
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
	// The stream must know a relation before its generation begins: what it skips until then was committed before the Barrier.
	d.s.reg.replace(p.units, d.s.store.Tables(d.s.cfg.Name))
	d.s.failTables(append(p.faults, p.emptiness(d.s.cfg.Publication)...))
	d.plan = p
	replaced := p.replaced(d.s.store.Tables(d.s.cfg.Name))
	for _, u := range p.units {
		tables, err := d.s.store.Track(ctx, d.s.cfg.Name, u.rel, replaced[u]...)
		if err != nil {
			return storeErr(ctx, fmt.Errorf("track table %s: %w", ident(u.schema, u.name), err))
		}
		p.inherit(u, tables)
		d.s.tasks.estimate(tables, u)
		if d.planned || !d.l.fresh {
			d.markUnbegun(u, tables)
		}
	}
	d.planned = true
	d.orphans(ctx)
	return storeErr(ctx, d.s.store.Planned(ctx, d.s.cfg.Name, p.ready()))
}

// markUnbegun has a table's first generation begin behind a marker where the slot is older than the table's place in the publication:
// it was attached or renamed, or an earlier process died between adding it and beginning.
func (d *driver) markUnbegun(u *unit, tables []buckets.Table) {
	for _, t := range tables {
		if t.Phase == buckets.Registered {
			d.marked[u.oid] = true
		}
	}
}

// orphans looks at the tracked tables that the plan does not have. One that is unfit, or replaced by one that is, stays as it
// is until that is mended; one that is gone, or detached, or renamed away, loses its rows, together with all that are found gone at the same
// time.
func (d *driver) orphans(ctx context.Context) {
	var gone []buckets.TableID
	for _, t := range d.s.store.Tables(d.s.cfg.Name) {
		switch {
		case d.plan.unitOf(&t) != nil:
		case d.plan.seen[t.Relation.OID], d.plan.awaits(t.Relation):
			d.s.tasks.waiting(t.ID, "the table is unfit")
		case d.take(t.ID):
			gone = append(gone, t.ID)
		}
	}
	if len(gone) > 0 {
		d.group.Go(func() error { return d.drop(ctx, gone) })
	}
}

// take makes a table busy, unless it is.
func (d *driver) take(id buckets.TableID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[id] {
		return false
	}
	d.busy[id] = true
	return true
}

// drop removes the rows of tables, behind what the stream still has of them.
func (d *driver) drop(ctx context.Context, ids []buckets.TableID) error {
	defer func() {
		for _, id := range ids {
			d.leave(id)
		}
	}()
	d.l.gate.open()
	nonce := newNonce()
	err := d.s.store.AwaitMarker(ctx, d.s.cfg.Name, nonce, func(ctx context.Context) error {
		return emitMarker(ctx, d.s.pool, nonce)
	})
	if err != nil {
		return d.outcome(ctx, fmt.Errorf("await marker: %w", err))
	}
	err = storeErr(ctx, d.s.store.Untrack(ctx, ids...))
	d.s.reg.poke() // a successor that came meanwhile has no table now
	return d.outcome(ctx, err)
}
