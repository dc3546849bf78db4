package replicator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/weirsync/weir/buckets"
)

// link is a session's connection to the slot.
type link struct {
	conn  *pgconn.PgConn
	hold  *hold            // of the source, against other weirs
	id    identity         // of the server
	start buckets.Position // where the store stands
	fresh bool             // the slot was made in this session, after its publication
	gate  *gate            // opens when the stream may begin

	notice atomic.Pointer[string] // a warning that the server gave about the publication
}

const closeTimeout = 5 * time.Second

func (l *link) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if l.conn != nil {
		_ = l.conn.Close(ctx) // it is over either way
	}
	if l.hold != nil {
		l.hold.release()
	}
}

// open reaches the source, validates it and brings slot, publication and store to where streaming can begin (architecture 5.1).
func (s *Source) open(ctx context.Context) (_ *link, err error) {
	if err := s.inspect(ctx); err != nil {
		return nil, err
	}
	s.enter(Validating)
	pub, err := readPublication(ctx, s.pool, s.cfg.Publication)
	if err != nil {
		return nil, err
	}
	if faults := append(s.serverFaults(), pub.faults(s.cfg.Publication)...); len(faults) > 0 {
		return nil, s.withTables(ctx, faults)
	}
	l := &link{gate: newGate()}
	opened := false
	defer func() {
		if !opened {
			l.close()
		}
	}()
	if l.hold, err = s.takeHold(ctx); err != nil {
		return nil, err
	}
	if l.conn, err = s.cfg.connectReplication(ctx, l.heard(s.cfg.Publication)); err != nil {
		return nil, err
	}
	// Read again: while this weir stood by, the other one may have changed it.
	if pub, err = readPublication(ctx, s.pool, s.cfg.Publication); err != nil {
		return nil, err
	}
	if err := s.attach(ctx, l, pub); err != nil {
		return nil, err
	}
	opened = true
	return l, nil
}

// inspect reaches the server, and the standby if one is read, and learns what they are.
func (s *Source) inspect(ctx context.Context) (err error) {
	if s.sv, err = inspectPool(ctx, s.pool); err == nil {
		s.version.Store(int64(s.sv.version))
	}
	if !s.cfg.viaStandby() {
		return err
	}
	var standbyErr error
	if s.copied, standbyErr = inspectPool(ctx, s.slots); standbyErr == nil && !s.copied.standby {
		return promoted() // often because the primary is gone
	}
	if err == nil {
		err = standbyErr
	}
	return err
}

func inspectPool(ctx context.Context, pool *pgxpool.Pool) (server, error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return server{}, connectFault(ctx, pool.Config().ConnConfig, err)
	}
	defer conn.Release()
	return inspectServer(ctx, conn)
}

// withTables adds the faults of tables, so that an operator sees all at once.
func (s *Source) withTables(ctx context.Context, faults Faults) error {
	if s.sv.version < versionMin {
		return faults
	}
	p, err := s.makePlan(ctx, demandOf(s.cfg.Name, s.store.Definitions()))
	if err != nil {
		return faults
	}
	return append(faults, p.faults...)
}

// Validate connects once and reports every fault that it finds; it changes nothing. Faults is the error's type then.
func (s *Source) Validate(ctx context.Context) error {
	if err := s.openPools(); err != nil {
		return err
	}
	defer s.closePools()
	if err := s.inspect(ctx); err != nil {
		return err
	}
	pub, err := readPublication(ctx, s.pool, s.cfg.Publication)
	if err != nil {
		return err
	}
	faults := append(s.serverFaults(), pub.faults(s.cfg.Publication)...)
	if err := s.withTables(ctx, faults); len(faultsOf(err)) > 0 {
		return err
	}
	return nil
}

// heard keeps warnings that name the publication: version 18 goes on without one that is gone.
func (l *link) heard(publication string) pgconn.NoticeHandler {
	return func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if strings.Contains(n.Message, `"`+publication+`"`) {
			l.notice.Store(&n.Message)
		}
	}
}

// attach compares server and store, and continues, begins or begins anew.
func (s *Source) attach(ctx context.Context, l *link, pub publication) error {
	// What the connection before handed over and is not stored yet must be in the comparison: it may be from beyond a promotion, and
	// the position that is saved below must not fall behind it (I6, I13).
	if err := s.store.Settle(ctx); err != nil {
		return storeErr(ctx, fmt.Errorf("settle the store: %w", err))
	}
	state, known := s.store.Source(s.cfg.Name)
	id, err := identify(ctx, l.conn, state.Timeline)
	if err != nil {
		return err
	}
	s.horizon.forget()
	if s.cfg.viaStandby() {
		if id, err = besidePrimary(ctx, s.pool, id); err != nil {
			return err
		}
	}
	l.id = id
	sl, err := s.lookAtSlot(ctx)
	if err != nil {
		return err
	}
	s.noteSlot(sl)
	if !known {
		if sl.exists {
			s.log.Warn("the slot exists but the store does not know it: it is made again")
		}
		return s.begin(ctx, l, id, sl)
	}
	err = checkHistory(state, id, sl, pub)
	if state.Slot != s.cfg.Slot {
		err = &LostError{
			Why:  fmt.Sprintf("the store was made with slot %s, the configuration names %s", state.Slot, s.cfg.Slot),
			Hint: fmt.Sprintf("a slot that is not needed any more holds WAL: SELECT pg_drop_replication_slot('%s')", state.Slot),
		}
	}
	lost := errors.Is(err, ErrHistoryLost)
	if lost {
		s.lose()
	}
	switch {
	case lost && s.cfg.OnLost == Resnapshot:
		s.log.Error("history lost: all tables are read again", "why", err.Error(), "lsn", state.Position.String())
		return s.begin(ctx, l, id, sl)
	case err != nil:
		return err
	case sl.active != 0:
		return slotInUse(s.cfg.Slot, sl.active)
	}
	l.start = state.Position
	if state.Timeline != id.timeline {
		state.Timeline = id.timeline
		if err := s.store.SaveSource(ctx, state); err != nil {
			return storeErr(ctx, err)
		}
	}
	return storeErr(ctx, s.store.Confirm(ctx, s.cfg.Name, normalise(id.flushed)))
}

// begin makes a new slot. Generations begin before the store takes the new position: should weir die between the two, the next
// start finds the history lost again, and never a table that looks complete and isn't.
func (s *Source) begin(ctx context.Context, l *link, id identity, old slot) error {
	pub, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	if err := s.dropSlot(ctx, old); err != nil {
		return err
	}
	s.recent.forget()
	s.enter(Waiting)
	if err := s.followPrimary(ctx, s.await); err != nil { // a slot from before the publication streams nothing of it
		return err
	}
	s.step(stepSlot, 0)
	l.start, err = s.createSlot(ctx, l.conn)
	if err != nil {
		return err
	}
	s.step(stepSlotMade, 0)
	for _, t := range s.store.Tables(s.cfg.Name) {
		if _, err := s.store.BeginGeneration(ctx, t.ID, t.Relation); err != nil {
			return storeErr(ctx, fmt.Errorf("begin generation of table %d: %w", t.ID, err))
		}
		s.step(stepBegin, t.ID)
	}
	l.fresh = true
	err = s.store.SaveSource(ctx, buckets.SourceState{
		Name: s.cfg.Name, SystemID: id.systemID, Database: id.database, Timeline: id.timeline,
		Slot: s.cfg.Slot, Publication: s.cfg.Publication, PublicationOID: pub.oid, Position: l.start,
	})
	if err != nil {
		return storeErr(ctx, err)
	}
	s.step(stepSlotKnown, 0)
	return storeErr(ctx, s.store.Confirm(ctx, s.cfg.Name, l.start))
}

// prepare makes the publication, if it is missing, and adds the tables that the rules name.
func (s *Source) prepare(ctx context.Context) (publication, error) {
	pub, err := readPublication(ctx, s.pool, s.cfg.Publication)
	if err != nil {
		return pub, err
	}
	if pub.oid == 0 {
		if err := createPublication(ctx, s.pool, s.cfg.Publication, s.sv, s.cfg.Manual); err != nil {
			return pub, err
		}
		if pub, err = readPublication(ctx, s.pool, s.cfg.Publication); err != nil {
			return pub, err
		}
	}
	p, err := s.makePlan(ctx, demandOf(s.cfg.Name, s.store.Definitions()))
	if err != nil {
		return pub, err
	}
	_, _, err = s.publish(ctx, p)
	return pub, err
}
