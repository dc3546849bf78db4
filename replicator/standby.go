package replicator

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/buckets"
)

// A source can be a standby (architecture 5.10): slot, stream and chunks are its own, and what has to be written or waited for is its
// primary's, which the configuration names besides.

// standbyVersionMin is the oldest server that has logical slots while it is a standby.
const standbyVersionMin = 160000

// viaStandby tells whether the source is a standby, whose primary is named.
func (c *Config) viaStandby() bool { return c.PrimaryURI != "" }

// control is the address of the server that can be written to: markers, publication, barriers.
func (c *Config) control() string {
	if c.viaStandby() {
		return c.PrimaryURI
	}
	return c.URI
}

// severalHosts tells whether an address names more than one server. Slot, stream and chunks have to be those of the same standby.
func severalHosts(cfg *pgx.ConnConfig) bool {
	for _, f := range cfg.Fallbacks {
		if f.Host != cfg.Host || f.Port != cfg.Port {
			return true
		}
	}
	return false
}

// serverFaults reports what makes the source's servers unfit.
func (s *Source) serverFaults() Faults {
	if !s.cfg.viaStandby() {
		return s.sv.faults()
	}
	return append(s.sv.primaryFaults(), s.copied.standbyFaults()...)
}

// primaryFaults reports what makes the primary of a standby unfit.
func (sv *server) primaryFaults() Faults {
	fs := sv.unfit("the primary: ")
	if sv.standby {
		fs = append(fs, &Fault{
			Code:    CodeStandby,
			Message: "the server of primary_uri is a standby itself",
			Hint: "let the source's primary_uri name the primary, or all servers and target_session_attrs=read-write, by which the primary is found: " +
				"postgres://user@one:5432,two:5432/database?target_session_attrs=read-write",
		})
	}
	return fs
}

// standbyFaults reports what makes the server that a primary is named for unfit.
func (sv *server) standbyFaults() Faults {
	fs := sv.unfit("the standby: ")
	if sv.version >= versionMin && sv.version < standbyVersionMin {
		fs = append(fs, &Fault{
			Code:    CodeVersion,
			Message: fmt.Sprintf("the standby: the server has version %d, a slot on a standby needs 16 or newer", sv.version/10000),
			Hint:    "upgrade Postgres, or let the source's uri name the primary, and leave primary_uri out",
		})
	}
	if !sv.replicate {
		fs = append(fs, replicationFault(sv.user))
	}
	if !sv.standby {
		fs = append(fs, promoted())
	}
	return fs
}

// promoted says that there is a primary_uri, and no standby.
func promoted() *Fault {
	return &Fault{
		Code:    CodeStandby,
		Message: "primary_uri is set, and the server of uri is no standby",
		Hint: "if it was promoted: leave primary_uri out, and weir goes on with its slot; " +
			"to spare a primary the reading: let uri name a standby of it",
	}
}

const primaryQuery = `
SELECT system_identifier::text, current_database()::text, ('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::int,
       pg_current_wal_flush_lsn()::text
FROM pg_control_system()`

// besidePrimary compares what a standby says of itself with its primary. The WAL that a crash can't take back is the primary's: a standby
// that was restarted can stand behind what the store has, and catches up.
func besidePrimary(ctx context.Context, primary querier, id identity) (identity, error) {
	var system, database, flushed string
	var timeline int32
	if err := primary.QueryRow(ctx, primaryQuery).Scan(&system, &database, &timeline, &flushed); err != nil {
		return id, fmt.Errorf("identify the primary: %w", err)
	}
	if system != id.systemID || timeline != id.timeline || database != id.database {
		return id, &Fault{
			Code: CodeStandby,
			Message: fmt.Sprintf("uri leads to database %s of system %s, timeline %d, and primary_uri to database %s of system %s, timeline %d",
				id.database, id.systemID, id.timeline, database, system, timeline),
			Hint: "let primary_uri name the same database at the standby's primary; after a failover the standby has to follow the new one",
		}
	}
	at, err := pglogrepl.ParseLSN(flushed)
	if err != nil {
		return id, fmt.Errorf("identify the primary: %w", err)
	}
	id.flushed = buckets.Position(at)
	return id, nil
}

// standbySnapshotEvery is how often the primary is asked for the record by which a slot on an idle standby gets made.
const standbySnapshotEvery = 250 * time.Millisecond

// hastenSlot makes slot creation on a standby end, until the function that it returns is called: creation waits for a record of the
// primary's running transactions. A role that may not ask for one (it is a superuser's, who can grant it) writes something: then the
// primary makes the record by itself, within about 15 s.
func (s *Source) hastenSlot(ctx context.Context) (stop func()) {
	if !s.cfg.viaStandby() {
		return func() {}
	}
	return beside(ctx, func(ctx context.Context) {
		for pause(ctx, standbySnapshotEvery) == nil {
			if _, err := s.pool.Exec(ctx, "SELECT pg_log_standby_snapshot()"); code(err) == "42501" {
				_ = emitMarker(ctx, s.pool, headContent) // it only makes a wait shorter
				_ = pause(ctx, time.Second)
			}
		}
	})
}

// watchStandby returns when the standby is promoted, so that a source on which nothing happens shows it soon; and when the primary is gone
// or another one, before the standby follows that: the next session notes the new timeline where the store stands. A standby that was
// faster has stored positions beyond the fork, which the next session takes for a lost history (I13). ctx ends it.
func (s *Source) watchStandby(ctx context.Context, l *link) error {
	for s.cfg.viaStandby() && pause(ctx, standbyEvery) == nil {
		// What else fails at the standby fails the stream too.
		if _, recovering, err := readReplay(ctx, s.slots); err == nil && !recovering {
			return promoted()
		}
		if _, err := besidePrimary(ctx, s.pool, l.id); err != nil {
			return err
		}
	}
	return nil
}
