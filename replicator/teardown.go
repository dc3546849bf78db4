package replicator

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Remains is what weir has at a source while it does not run.
type Remains struct {
	Slot        bool
	WAL         int64 // bytes that the server keeps for the slot
	Publication bool  // false if it is not weir's to drop
	Function    bool  // by which weir adds tables to it; whoever made it may drop it
}

const remainsQuery = `
SELECT coalesce((SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)
                 FROM pg_replication_slots WHERE slot_name = $1), 0)::bigint`

// FindRemains connects once and looks for what Teardown would drop. It is a *Fault if the slot is in use, or is not ours.
func FindRemains(ctx context.Context, c Config) (Remains, error) {
	var r Remains
	err := withSession(ctx, c, c.URI, func(conn *pgx.Conn) (err error) {
		r, err = findRemains(ctx, conn, c)
		return err
	})
	return r, err
}

func findRemains(ctx context.Context, q querier, c Config) (r Remains, err error) {
	sv, err := inspectServer(ctx, q)
	if err != nil {
		return r, err
	}
	sl, err := readSlot(ctx, q, c.Slot)
	switch {
	case err != nil:
		return r, err
	case sl.exists && (sl.database != sv.database || sl.plugin != "pgoutput"):
		return r, slotForeign(c.Slot, sl)
	}
	held, err := takeHold(ctx, q, c.Slot)
	if err != nil {
		return r, err
	}
	if !held || sl.active != 0 {
		return r, slotInUse(c.Slot, sl.active)
	}
	r.Slot = sl.exists
	if err := q.QueryRow(ctx, remainsQuery, c.Slot).Scan(&r.WAL); err != nil {
		return r, fmt.Errorf("read slot %s: %w", c.Slot, err)
	}
	if c.Manual {
		return r, nil
	}
	pub, err := readPublication(ctx, q, c.Publication)
	if err != nil {
		return r, err
	}
	r.Publication = pub.oid != 0
	r.Function, err = hasPublishFunction(ctx, q, c.Publication)
	return r, err
}

// takeHold takes the lock that a weir holds while it runs, also while it does not read the slot; none can begin while this session has
// it. One that has just ended is given a moment to let go.
func takeHold(ctx context.Context, q querier, slot string) (held bool, err error) {
	var none string
	if err := q.QueryRow(ctx, "SELECT set_config('lock_timeout', '2s', false)").Scan(&none); err != nil {
		return false, fmt.Errorf("set lock_timeout: %w", err)
	}
	err = q.QueryRow(ctx, "SELECT pg_advisory_lock($1)::text", lockKey(slot)).Scan(&none)
	if locked(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock source: %w", err)
	}
	return true, nil
}

// Teardown drops the slot, and the publication unless it is c.Manual. The store of a weir that used them finds its history lost.
func Teardown(ctx context.Context, c Config) error {
	return withSession(ctx, c, c.URI, func(conn *pgx.Conn) error {
		r, err := findRemains(ctx, conn, c)
		if err != nil {
			return err
		}
		if r.Slot {
			if _, err := conn.Exec(ctx, "SELECT pg_drop_replication_slot($1)", c.Slot); err != nil {
				return fmt.Errorf("drop slot %s: %w", c.Slot, err)
			}
		}
		if !r.Publication {
			return nil
		}
		return withSession(ctx, c, c.control(), func(conn *pgx.Conn) error { return dropPublication(ctx, conn, c.Publication) })
	})
}

func dropPublication(ctx context.Context, conn *pgx.Conn, name string) error {
	_, err := conn.Exec(ctx, "DROP PUBLICATION IF EXISTS "+ident(name))
	switch {
	case code(err) == "42501":
		return &Fault{
			Code:    CodeNotOwner,
			Message: fmt.Sprintf("publication %s belongs to somebody else", ident(name)),
			Hint:    "as its owner: DROP PUBLICATION " + ident(name),
		}
	case err != nil:
		return fmt.Errorf("drop publication %s: %w", ident(name), err)
	}
	return nil
}

// withSession runs do with a session of its own at one of the source's addresses.
func withSession(ctx context.Context, c Config, uri string, do func(*pgx.Conn) error) error {
	cfg, err := parseURI(uri)
	if err != nil {
		return &Fault{Code: CodeURI, Message: err.Error()}
	}
	cfg.RuntimeParams["application_name"] = c.applicationName("care")
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return connectFault(ctx, cfg, err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // statements were answered or not, whatever this says
	return do(conn)
}
