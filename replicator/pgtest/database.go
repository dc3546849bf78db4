package pgtest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Database is a database for one test. Its helpers end the test when they
// fail, so they belong to the test's goroutine; others take a Connect.
type Database struct {
	Name   string
	Server *Server

	t    testing.TB
	conn *pgx.Conn // of the helpers; replaced when it is broken
}

// null is how Query shows NULL.
const null = "NULL"

// dropTimeout bounds the wait for replication connections of the test to end.
const dropTimeout = 30 * time.Second

var lastDatabase atomic.Int64

// New creates an empty database on the shared server. At the end of the test
// its replication slots and it are dropped.
func New(t testing.TB) *Database {
	t.Helper()
	return NewOn(t, Shared(t))
}

// Open returns a database that is there already, such as one that a standby has from its primary.
func Open(t testing.TB, s *Server, name string) *Database {
	t.Helper()
	d := &Database{Name: name, Server: s, t: t}
	t.Cleanup(func() {
		if d.conn != nil {
			closeConn(d.conn)
		}
	})
	return d
}

// NewOn creates an empty database on a server. A server that is not running at
// the end of the test keeps it.
func NewOn(t testing.TB, s *Server) *Database {
	t.Helper()
	d := &Database{Name: fmt.Sprintf("test_%d", lastDatabase.Add(1)), Server: s, t: t}
	admin := connect(t, s.URI("postgres"))
	defer closeConn(admin)
	if _, err := admin.Exec(t.Context(), "CREATE DATABASE "+d.Name); err != nil {
		t.Fatalf("create database %s: %v", d.Name, err)
	}
	t.Cleanup(func() {
		if d.conn != nil {
			closeConn(d.conn)
		}
		ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
		defer cancel()
		if err := drop(ctx, s, d.Name); err != nil && !s.Stopped() {
			t.Errorf("drop database %s: %v", d.Name, err)
		}
	})
	return d
}

// URI returns the database's address for the superuser.
func (d *Database) URI() string { return d.Server.URI(d.Name) }

// Connect opens a connection that is closed at the end of the test.
func (d *Database) Connect(t testing.TB) *pgx.Conn {
	t.Helper()
	conn := connect(t, d.URI())
	t.Cleanup(func() { closeConn(conn) })
	return conn
}

// Exec runs one or several statements; with arguments, one.
func (d *Database) Exec(sql string, args ...any) {
	d.t.Helper()
	if _, err := d.helper().Exec(d.t.Context(), sql, mode(args)...); err != nil {
		d.t.Fatalf("exec %q: %v", sql, describe(err))
	}
}

// Query returns the rows of a query as text, NULL as "NULL".
func (d *Database) Query(sql string, args ...any) [][]string {
	d.t.Helper()
	rows, err := d.helper().Query(d.t.Context(), sql, mode(args)...)
	if err != nil {
		d.t.Fatalf("query %q: %v", sql, describe(err))
	}
	result, err := pgx.CollectRows(rows, rowText)
	if err != nil {
		d.t.Fatalf("query %q: %v", sql, describe(err))
	}
	return result
}

// Value returns the one value of a query, as Query shows it.
func (d *Database) Value(sql string, args ...any) string {
	d.t.Helper()
	rows := d.Query(sql, args...)
	if len(rows) != 1 || len(rows[0]) != 1 {
		d.t.Fatalf("query %q: got %d rows, want one value", sql, len(rows))
	}
	return rows[0][0]
}

// helper returns the connection of the helpers. It survives a restart of the
// server between two calls.
func (d *Database) helper() *pgx.Conn {
	d.t.Helper()
	if d.conn != nil && d.conn.Ping(d.t.Context()) == nil {
		return d.conn
	}
	if d.conn != nil {
		closeConn(d.conn)
	}
	d.conn = connect(d.t, d.URI())
	return d.conn
}

// mode selects the simple protocol, in which a query may be several statements
// and all results are text.
func mode(args []any) []any {
	return append([]any{pgx.QueryExecModeSimpleProtocol}, args...)
}

func rowText(row pgx.CollectableRow) ([]string, error) {
	var texts []string
	for _, value := range row.RawValues() {
		if value == nil {
			texts = append(texts, null)
			continue
		}
		texts = append(texts, string(value))
	}
	return texts, nil
}

func connect(t testing.TB, uri string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), uri)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	return conn
}

// closeConn closes without regard to how: a broken connection is closed too.
func closeConn(conn *pgx.Conn) { _ = conn.Close(context.Background()) }

// describe adds Postgres's hint and place to an error.
func describe(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	return fmt.Errorf("%w; detail %q, hint %q, where %q", err, pg.Detail, pg.Hint, pg.Where)
}
