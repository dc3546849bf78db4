package replicator

import (
	"context"
	"fmt"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weirsync/weir/buckets"
)

// slotAttempt bounds one attempt to create the slot. Creation waits for all transactions with an xid, of all databases;
// lock_timeout is the one setting that ends this wait on the server and leaves no slot behind.
const slotAttempt = "10s"

// createSlot creates the slot and returns its consistent point: everything committed behind it is streamed. What
// committed before may still be invisible: a Barrier has to follow before anything is read.
func (s *Source) createSlot(ctx context.Context, conn *pgconn.PgConn) (buckets.Position, error) {
	if err := s.endOrphans(ctx, conn.PID()); err != nil {
		return 0, err
	}
	if _, err := conn.Exec(ctx, "SET lock_timeout = '"+slotAttempt+"'").ReadAll(); err != nil {
		return 0, fmt.Errorf("bound slot creation: %w", err)
	}
	options := "(SNAPSHOT 'nothing')"
	if s.version.Load() < 150000 {
		options = "NOEXPORT_SNAPSHOT"
	}
	sql := fmt.Sprintf("CREATE_REPLICATION_SLOT %s LOGICAL pgoutput %s", ident(s.cfg.Slot), options)
	defer s.reportHolders(ctx)()
	defer s.hastenSlot(ctx)()
	for {
		made, err := pglogrepl.ParseCreateReplicationSlot(conn.Exec(ctx, sql))
		if err == nil {
			if _, err := conn.Exec(ctx, "RESET lock_timeout").ReadAll(); err != nil { // decoding takes locks too
				return 0, fmt.Errorf("unbound the stream: %w", err)
			}
			point, err := pglogrepl.ParseLSN(made.ConsistentPoint)
			s.log.Info("slot created", "lsn", made.ConsistentPoint)
			return buckets.Position(point), err
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if !locked(err) {
			return 0, s.slotFault(err)
		}
	}
}

// reportHolders shows who holds up slot creation, until the function that it returns is called.
func (s *Source) reportHolders(ctx context.Context) (stop func()) {
	end := beside(ctx, func(ctx context.Context) {
		for wait := holdersAfter; pause(ctx, wait) == nil; wait = holdersEvery {
			s.await("the slot, which is held up by " + describeHolders(ctx, s.pool, 0))
		}
	})
	return func() {
		end()
		s.await("")
	}
}

// beside runs do until the function that it returns is called, which waits for its end.
func beside(ctx context.Context, do func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func (s *Source) slotFault(err error) error {
	switch code(err) {
	case "53400":
		return noSlotLeft()
	case "42501":
		return replicationFault(s.sv.user)
	}
	return fmt.Errorf("create slot %s: %w", s.cfg.Slot, err)
}

// endOrphans ends sessions of earlier weir processes that still wait in slot creation: when its client dies there, Postgres does not
// notice and keeps the slot's name taken.
func (s *Source) endOrphans(ctx context.Context, own uint32) error {
	_, err := s.slots.Exec(ctx, `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
		WHERE application_name = $1 AND datname = current_database() AND usename = current_user AND pid <> $2
		AND query LIKE 'CREATE_REPLICATION_SLOT%' AND state = 'active'`, s.cfg.applicationName("stream"), int32(own))
	if err != nil {
		return fmt.Errorf("end orphaned sessions: %w", err)
	}
	return nil
}

// dropSlot drops a slot that nothing can continue from. A slot that is not pgoutput's or of another database is not ours.
func (s *Source) dropSlot(ctx context.Context, sl slot) error {
	name := s.cfg.Slot
	switch {
	case !sl.exists:
		return nil
	case sl.database != s.sv.database || sl.plugin != "pgoutput":
		return slotForeign(name, sl)
	case sl.active != 0:
		return slotInUse(name, sl.active)
	}
	if _, err := s.slots.Exec(ctx, "SELECT pg_drop_replication_slot($1)", name); err != nil {
		if code(err) == "55006" {
			return slotInUse(name, 0)
		}
		return fmt.Errorf("drop slot %s: %w", name, err)
	}
	s.log.Warn("slot dropped")
	return nil
}

func noSlotLeft() *Fault {
	return &Fault{
		Code:    CodeSlots,
		Message: "the server has no replication slot left",
		Hint: "drop one that is not in use: SELECT pg_drop_replication_slot('...'); or: ALTER SYSTEM SET max_replication_slots = 20; " +
			"then restart Postgres",
	}
}

func slotForeign(name string, sl slot) *Fault {
	return &Fault{
		Code:    CodeSlotForeign,
		Message: fmt.Sprintf("slot %s belongs to something else (plugin %s, database %s)", name, sl.plugin, sl.database),
		Hint: fmt.Sprintf("choose another name for the source's slot, or if nothing needs it any more: SELECT pg_drop_replication_slot(%s)",
			literal(name)),
	}
}

func slotInUse(name string, pid int32) *Fault {
	f := &Fault{
		Code:    CodeSlotInUse,
		Message: fmt.Sprintf("slot %s is in use by another session", name),
		Hint:    "stop the other process, or choose another name for the source's slot",
	}
	if pid != 0 {
		f.Hint += fmt.Sprintf("; a session that is left over ends with: SELECT pg_terminate_backend(%d)", pid)
	}
	return f
}
