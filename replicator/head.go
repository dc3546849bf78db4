package replicator

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pglogrepl"

	"github.com/weirsync/weir/buckets"
)

// ErrNotConnected is what Head and Mark return while the source has not been reached yet.
var ErrNotConnected = errors.New("the source is not connected")

// Head returns the position that the stream will have reached when everything committed before the call has been delivered.
func (s *Source) Head(ctx context.Context) (buckets.Position, error) {
	pool := s.side.Load()
	if pool == nil {
		return 0, ErrNotConnected
	}
	var text string
	err := again(ctx, func() error {
		return pool.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&text)
	})
	if err != nil {
		return 0, fmt.Errorf("read head of source %s: %w", s.cfg.Name, err)
	}
	lsn, err := pglogrepl.ParseLSN(text)
	if err != nil {
		return 0, fmt.Errorf("read head of source %s: %w", s.cfg.Name, err)
	}
	return normalise(buckets.Position(lsn)), nil
}

// readFlushed reads where the WAL of a primary ends that a crash can't take back.
func readFlushed(ctx context.Context, q querier) (buckets.Position, error) {
	var text string
	if err := q.QueryRow(ctx, "SELECT pg_current_wal_flush_lsn()::text").Scan(&text); err != nil {
		return 0, fmt.Errorf("read the end of the primary's WAL: %w", err)
	}
	lsn, err := pglogrepl.ParseLSN(text)
	if err != nil {
		return 0, fmt.Errorf("read the end of the primary's WAL: %w", err)
	}
	return normalise(buckets.Position(lsn)), nil
}

// WAL pages begin with a header of 24 bytes, at the start of a segment 40.
const (
	walPage       = 8192
	walPageHeader = 24
	walLongHeader = 40
)

// normalise moves a position just behind a page header to the page's start: the insert position skips the header before anything is
// written behind it, while flush positions and keepalives stay at the page's start.
func normalise(p buckets.Position) buckets.Position {
	if rest := p % walPage; rest == walPageHeader || rest == walLongHeader {
		return p - rest
	}
	return p
}

// Mark makes the stream pass the present Head soon, also where nothing else is written.
func (s *Source) Mark(ctx context.Context) error {
	pool := s.side.Load()
	if pool == nil {
		return ErrNotConnected
	}
	sql := "SELECT pg_logical_emit_message(true, $1, $2)"
	if s.version.Load() >= 170000 {
		sql = "SELECT pg_logical_emit_message(false, $1, $2, true)" // without an xid, and flushed
	}
	err := again(ctx, func() error {
		_, err := pool.Exec(ctx, sql, MessagePrefix, headContent)
		return err
	})
	if err != nil {
		return fmt.Errorf("mark source %s: %w", s.cfg.Name, err)
	}
	return nil
}

// again runs a statement that may run twice, again while only the connection fails: after a restart of the server, all connections of
// the pool are broken, and each is found out by being used. One that was shut down in order has an answer waiting, 57P01.
func again(ctx context.Context, run func() error) error {
	err := run()
	for i := 0; i < sidePoolSize && err != nil && (code(err) == "" || code(err) == "57P01") && ctx.Err() == nil; i++ {
		err = run()
	}
	return err
}
