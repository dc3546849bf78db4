package replicator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	barrierPollMin = 5 * time.Millisecond
	barrierPollMax = time.Second
	holdersAfter   = 2 * time.Second // how long a wait lasts before its holders are shown
	holdersEvery   = 10 * time.Second
)

// barrier returns once every transaction that had begun when it was called is over and visible to new snapshots (architecture 5.1):
// X is an xid of our own, so all of them have smaller ones, and xmin >= X says that none of them runs. A transaction that
// the stream has delivered may still be invisible to readers (its commit waits for a standby, or stands between its WAL record
// and its removal from the list of running ones), so nothing else proves this; xmax in particular proves nothing.
func barrier(ctx context.Context, q querier, report func(waiting string)) error {
	x, err := takeXID(ctx, q)
	if err != nil {
		return err
	}
	poll := barrierPollMin
	next := time.Now().Add(holdersAfter)
	for {
		snap, err := readSnapshot(ctx, q)
		if err != nil {
			return err
		}
		if snap.xmin >= x {
			return nil
		}
		if now := time.Now(); now.After(next) {
			next = now.Add(holdersEvery)
			report(describeHolders(ctx, q, int64(x)))
		}
		if err := pause(ctx, poll); err != nil {
			return err
		}
		poll = min(2*poll, barrierPollMax)
	}
}

// takeXID begins and ends a transaction that has an xid.
func takeXID(ctx context.Context, q querier) (uint64, error) {
	var x int64
	if err := q.QueryRow(ctx, "SELECT pg_current_xact_id()::text::bigint").Scan(&x); err != nil {
		return 0, fmt.Errorf("take an xid: %w", err)
	}
	return uint64(x), nil
}

// holdersQuery lists who has an xid below $1, in any database: slot creation and barrier wait for all of them. It shows
// no statement, which could hold row data.
const holdersQuery = `
SELECT format('pid %s (%s in %s, %s, since %s)', pid, coalesce(nullif(application_name, ''), usename::text), datname, state,
              to_char(xact_start, 'YYYY-MM-DD HH24:MI:SS TZ'))
FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
      AND ($1::bigint = 0 OR age(backend_xid) > age(($1::bigint & 4294967295)::text::xid))
UNION ALL
SELECT format('prepared transaction %L in %s, since %s', gid, database, to_char(prepared, 'YYYY-MM-DD HH24:MI:SS TZ'))
FROM pg_prepared_xacts
LIMIT 10`

// describeHolders says in one line who holds up a barrier at x; with x = 0 all who have an xid.
func describeHolders(ctx context.Context, q querier, x int64) string {
	rows, err := q.Query(ctx, holdersQuery, x)
	if err != nil {
		return "open transactions"
	}
	holders, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(holders) == 0 {
		return "open transactions"
	}
	return strings.Join(holders, "; ")
}
