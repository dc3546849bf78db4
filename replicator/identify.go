package replicator

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weirsync/weir/buckets"
)

// ErrHistoryLost is wrapped by the fault that says that the stream can't continue where the store stands (I13).
var ErrHistoryLost = errors.New("the stream can't continue where the store stands")

// LostError says why.
type LostError struct {
	Why  string
	Hint string
}

func (e *LostError) Error() string { return ErrHistoryLost.Error() + ": " + e.Why }
func (e *LostError) Unwrap() error { return ErrHistoryLost }

// identity is who the server says it is.
type identity struct {
	systemID string
	timeline int32
	database string
	flushed  buckets.Position // end of the WAL that a crash can't take back
	history  []branch         // of the present timeline; only filled in if it is not the stored one
}

// branch says that the present history left a timeline at a position.
type branch struct {
	timeline int32
	left     buckets.Position
}

// identify asks a walsender session who the server is. known is the timeline that the store has, 0 for none.
func identify(ctx context.Context, conn *pgconn.PgConn, known int32) (identity, error) {
	sys, err := pglogrepl.IdentifySystem(ctx, conn)
	if err != nil {
		return identity{}, fmt.Errorf("identify system: %w", err)
	}
	id := identity{systemID: sys.SystemID, timeline: sys.Timeline, database: sys.DBName, flushed: buckets.Position(sys.XLogPos)}
	if known == 0 || known == sys.Timeline {
		return id, nil
	}
	history, err := pglogrepl.TimelineHistory(ctx, conn, sys.Timeline)
	if err != nil {
		return identity{}, fmt.Errorf("read history of timeline %d: %w", sys.Timeline, err)
	}
	id.history, err = parseHistory(string(history.Content))
	return id, err
}

// parseHistory reads a timeline history file: lines of timeline, switch point, reason.
func parseHistory(text string) ([]branch, error) {
	var history []branch
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 2 {
			return nil, fmt.Errorf("read timeline history: line %q", line)
		}
		timeline, err := strconv.ParseInt(fields[0], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read timeline history: %w", err)
		}
		left, err := pglogrepl.ParseLSN(fields[1])
		if err != nil {
			return nil, fmt.Errorf("read timeline history: %w", err)
		}
		history = append(history, branch{int32(timeline), buckets.Position(left)})
	}
	return history, nil
}

// slot is what pg_replication_slots has.
type slot struct {
	exists    bool
	plugin    string
	database  string
	active    int32 // pid of the reader, 0 if none
	confirmed buckets.Position
	lost      string // why it is invalid, "" if it is not
	wal       SlotHealth
	head      buckets.Position // end of the server's WAL
}

// slotQuery copes with all versions: to_jsonb gives null for columns that a version does not have. 14 and 15 know but one reason for which a
// slot is lost. 16 calls slots conflicting that were lost for any, and tells no reason; only where WAL was removed restart_lsn is gone too.
const slotQuery = `
SELECT coalesce(plugin, ''), coalesce(database, ''), coalesce(active_pid, 0), coalesce(confirmed_flush_lsn, '0/0')::text,
       CASE WHEN wal_status = 'lost' OR to_jsonb(s) ->> 'invalidation_reason' IS NOT NULL OR to_jsonb(s) ->> 'conflicting' = 'true'
            THEN coalesce(to_jsonb(s) ->> 'invalidation_reason',
                          CASE WHEN to_jsonb(s) ->> 'conflicting' = 'true' AND restart_lsn IS NOT NULL THEN 'conflict' END, 'wal_removed')
            ELSE '' END,
       coalesce(wal_status, ''), coalesce(safe_wal_size, -1), coalesce(pg_wal_lsn_diff(h.head, restart_lsn), 0)::bigint,
       coalesce(pg_wal_lsn_diff(h.head, confirmed_flush_lsn), 0)::bigint, h.head::text,
       (SELECT CASE WHEN min(setting::bigint) < 0 THEN -1 ELSE max(setting::bigint) << 20 END FROM pg_settings
        WHERE name IN ('max_slot_wal_keep_size', 'wal_keep_size'))
FROM pg_replication_slots s,
     (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS head) h WHERE slot_name = $1`

func readSlot(ctx context.Context, q querier, name string) (slot, error) {
	sl := slot{exists: true}
	var confirmed, head string
	err := q.QueryRow(ctx, slotQuery, name).Scan(&sl.plugin, &sl.database, &sl.active, &confirmed, &sl.lost,
		&sl.wal.Status, &sl.wal.Safe, &sl.wal.Retained, &sl.wal.Behind, &head, &sl.wal.Budget)
	if errors.Is(err, pgx.ErrNoRows) {
		return slot{}, nil
	}
	if err != nil {
		return slot{}, fmt.Errorf("read slot %s: %w", name, err)
	}
	lsn, err := pglogrepl.ParseLSN(confirmed)
	if err != nil {
		return slot{}, fmt.Errorf("read slot %s: %w", name, err)
	}
	sl.confirmed = buckets.Position(lsn)
	if lsn, err = pglogrepl.ParseLSN(head); err != nil {
		return slot{}, fmt.Errorf("read slot %s: %w", name, err)
	}
	sl.head = normalise(buckets.Position(lsn))
	return sl, nil
}

// checkHistory compares what the store remembers with what the server has. It returns a LostError if changes could be missing
// between the two, nil if the stream can go on.
func checkHistory(st buckets.SourceState, id identity, sl slot, pub publication) error {
	lost := func(hint, format string, args ...any) error {
		return &LostError{Why: fmt.Sprintf(format, args...), Hint: hint}
	}
	const other = "point the source's uri at the database that the store was made from, or let weir read everything again"
	switch {
	case st.SystemID != id.systemID:
		return lost(other, "the server is another one (system identifier %s, the store has %s)", id.systemID, st.SystemID)
	case st.Database != id.database:
		return lost(other, "the database is %s, the store has %s", id.database, st.Database)
	case pub.oid == 0:
		return lost("don't drop publications that are in use", "publication %s is gone", st.Publication)
	case pub.oid != st.PublicationOID:
		return lost("don't drop publications that are in use", "publication %s was dropped and made again", st.Publication)
	case !sl.exists:
		return slotGone(st.Slot)
	case sl.lost != "":
		return slotLost(st.Slot, sl.lost)
	case sl.confirmed > st.Position:
		return lost("was the store restored from an older copy, or does something else read the slot?",
			"slot %s stands at %s, behind which the store ends at %s", st.Slot, pglogrepl.LSN(sl.confirmed), pglogrepl.LSN(st.Position))
	}
	if st.Timeline != id.timeline {
		return checkBranch(st, id)
	}
	if st.Position > id.flushed {
		return lost("was the server restored from an older copy?", "the store stands at %s, the server's WAL ends at %s",
			pglogrepl.LSN(st.Position), pglogrepl.LSN(id.flushed))
	}
	return nil
}

func slotGone(name string) error {
	return &LostError{
		Why:  fmt.Sprintf("slot %s is gone", name),
		Hint: "don't drop slots that are in use; after a failover: use failover slots (Postgres 17)",
	}
}

// invalidations are the reasons why Postgres gives a slot up, with what to do so that it does not happen again.
var invalidations = map[string]string{
	"wal_removed":            "raise max_slot_wal_keep_size, and find out what kept weir from reading for so long",
	"conflict":               "set hot_standby_feedback = on at the standby that has the slot, and wal_level = logical at its primary",
	"rows_removed":           "set hot_standby_feedback = on at the standby that has the slot, and let it reach its primary through a physical slot",
	"wal_level_insufficient": "set wal_level = logical at the primary of the standby that has the slot",
	"idle_timeout":           "raise idle_replication_slot_timeout, or set it to 0: weir was stopped for longer",
}

func slotLost(name, why string) error {
	hint := invalidations[why]
	if hint == "" {
		hint = "see the server's log"
	}
	return &LostError{Why: fmt.Sprintf("slot %s was invalidated: %s", name, why), Hint: hint}
}

// checkBranch tells whether the server left the store's timeline behind the store's position: then nothing that the store has is
// missing from the server's history.
func checkBranch(st buckets.SourceState, id identity) error {
	for _, b := range id.history {
		if b.timeline == st.Timeline && b.left >= st.Position {
			return nil
		}
	}
	return &LostError{
		Why: fmt.Sprintf("the server's timeline %d left timeline %d before %s, where the store stands",
			id.timeline, st.Timeline, pglogrepl.LSN(st.Position)),
		Hint: "a promotion lost transactions that had been replicated; set synchronized_standby_slots (Postgres 17)",
	}
}
