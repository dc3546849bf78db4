package pgtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// drop removes a database with all that would keep it: prepared transactions,
// replication slots (and who reads them), connections.
func drop(ctx context.Context, s *Server, name string) error {
	if err := rollbackPrepared(ctx, s.URI(name)); err != nil {
		return fmt.Errorf("roll back prepared transactions: %w", err)
	}
	admin, err := pgx.Connect(ctx, s.URI("postgres"))
	if err != nil {
		return err
	}
	defer closeConn(admin)
	if err := dropSlots(ctx, admin, name); err != nil {
		return fmt.Errorf("drop slots: %w", err)
	}
	_, err = admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
	return err
}

// rollbackPrepared does so from inside the database, as Postgres demands.
func rollbackPrepared(ctx context.Context, uri string) error {
	conn, err := pgx.Connect(ctx, uri)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	gids, err := texts(ctx, conn, "SELECT quote_literal(gid) FROM pg_prepared_xacts WHERE database = current_database()")
	if err != nil {
		return err
	}
	for _, gid := range gids {
		if _, err := conn.Exec(ctx, "ROLLBACK PREPARED "+gid); err != nil {
			return err
		}
	}
	return nil
}

// dropSlots ends the slots' readers. A reader that ends on its own, or a slot
// that is still being created, is waited for.
func dropSlots(ctx context.Context, admin *pgx.Conn, database string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		slots, err := texts(ctx, admin, "SELECT slot_name FROM pg_replication_slots WHERE database = $1", database)
		if err != nil || len(slots) == 0 {
			return err
		}
		_, err = admin.Exec(ctx, `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
			WHERE database = $1 AND active_pid IS NOT NULL`, database)
		if err != nil {
			return err
		}
		for _, slot := range slots {
			if _, err := admin.Exec(ctx, "SELECT pg_drop_replication_slot($1)", slot); err != nil && !busyOrGone(err) {
				return fmt.Errorf("slot %s: %w", slot, err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// busyOrGone says that the slot is in use (object_in_use) or was temporary and
// went with its reader (undefined_object).
func busyOrGone(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "55006" || pg.Code == "42704")
}

func texts(ctx context.Context, conn *pgx.Conn, sql string, args ...any) ([]string, error) {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
