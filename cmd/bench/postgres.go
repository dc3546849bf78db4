package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/replicator/pgserver"
)

// settings are those of a small production server. Above all, nothing is won by not syncing.
var settings = map[string]string{
	"checkpoint_timeout": "30min",
	"fsync":              "on",
	"full_page_writes":   "on",
	"max_wal_size":       "8GB",
	"shared_buffers":     "512MB",
}

// postgres is the server, and a connection to its only database.
type postgres struct {
	server *pgserver.Server
	uri    string
	conn   *pgx.Conn
	tables map[string]bool // made
}

const startTimeout = 5 * time.Minute // includes fetching a server

func startPostgres(ctx context.Context, version int) (*postgres, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	server, err := pgserver.Start(ctx, pgserver.Options{Version: version, Settings: settings})
	if err != nil {
		return nil, err
	}
	p := &postgres{server: server, uri: server.URI("postgres"), tables: map[string]bool{}}
	if p.conn, err = pgx.Connect(ctx, p.uri); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return p, nil
}

func (p *postgres) close() error {
	_ = p.conn.Close(context.Background()) // it may be broken
	return p.server.Close()
}

// exec runs one or several statements, as one transaction unless they say otherwise.
func (p *postgres) exec(ctx context.Context, sql string) error {
	if _, err := p.conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		return fmt.Errorf("run %.60q: %w", sql, err)
	}
	return nil
}

// number returns the one value of a query, 0 for NULL.
func (p *postgres) number(ctx context.Context, sql string, args ...any) (n int64, err error) {
	var value *int64
	if err := p.conn.QueryRow(ctx, sql, args...).Scan(&value); err != nil {
		return 0, fmt.Errorf("query %.60q: %w", sql, err)
	}
	if value != nil {
		n = *value
	}
	return n, nil
}

// copyOut reads a table as one connection can and throws it away.
func (p *postgres) copyOut(ctx context.Context, table string) (rate float64, err error) {
	started := time.Now()
	tag, err := p.conn.PgConn().CopyTo(ctx, nowhere{}, "COPY "+table+" TO STDOUT")
	if err != nil {
		return 0, fmt.Errorf("copy %s: %w", table, err)
	}
	return perSecond(int(tag.RowsAffected()), time.Since(started)), nil
}

// nowhere is a writer without io.Discard's ReadFrom, so that bytes are taken as a consumer would take them.
type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// perSecond is a rate.
func perSecond(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }
