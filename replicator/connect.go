package replicator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const connectTimeout = 10 * time.Second

// sessionSettings make values read the same on every path (COPY, re-read, stream), and keep the application's defaults for its
// own sessions (timeouts, synchronous commit) out of ours. row_security=off turns a read that a policy would
// silently narrow into an error.
var sessionSettings = map[string]string{
	"client_encoding":                     "UTF8",
	"datestyle":                           "ISO, MDY",
	"intervalstyle":                       "postgres",
	"timezone":                            "UTC",
	"extra_float_digits":                  "1",
	"bytea_output":                        "hex",
	"xmloption":                           "content",
	"search_path":                         "pg_catalog",
	"row_security":                        "off",
	"synchronous_commit":                  "local",
	"default_transaction_isolation":       "read committed",
	"default_transaction_read_only":       "off",
	"statement_timeout":                   "0",
	"lock_timeout":                        "0",
	"idle_in_transaction_session_timeout": "0",
	"idle_session_timeout":                "0",
	"standard_conforming_strings":         "on",
}

// laterSettings are those that only newer servers have, so they can't come with the start of a session: transaction_timeout is of 17.
const laterSettings = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'"

// parseURI parses a source's address into the settings of our sessions.
func parseURI(uri string) (*pgx.ConnConfig, error) {
	if uri == "" {
		return nil, errors.New("uri is empty: want postgres://user@host/database")
	}
	cfg, err := pgx.ParseConfig(uri)
	if err != nil {
		return nil, errors.New("uri can't be parsed: want postgres://user:password@host:port/database")
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	maps.Copy(cfg.RuntimeParams, sessionSettings)
	return cfg, nil
}

// applicationName is what the source's sessions are called, so that operators and slot.go recognise them.
func (c *Config) applicationName(part string) string {
	name := "weir " + c.Slot + " " + part
	return name[:min(len(name), 63)]
}

// openPool makes a pool of plain sessions; it connects when used.
func (c *Config) openPool(uri, part string, size int) (*pgxpool.Pool, error) {
	base, err := parseURI(uri)
	if err != nil {
		return nil, &Fault{Code: CodeURI, Message: err.Error()}
	}
	cfg, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("make pool: %w", err)
	}
	base.RuntimeParams["application_name"] = c.applicationName(part)
	base.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec // no statement is kept: DDL changes tables under us
	cfg.ConnConfig = base
	cfg.BeforeConnect = refreshTLS(uri)
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error { return finishSettings(ctx, conn.PgConn()) }
	cfg.MaxConns = int32(size)
	cfg.MinConns = 0
	return pgxpool.NewWithConfig(context.Background(), cfg)
}

// connectReplication opens a walsender session on the database.
func (c *Config) connectReplication(ctx context.Context, onNotice pgconn.NoticeHandler) (*pgconn.PgConn, error) {
	cfg, err := parseURI(c.URI)
	if err != nil {
		return nil, &Fault{Code: CodeURI, Message: err.Error()}
	}
	cfg.RuntimeParams["application_name"] = c.applicationName("stream")
	cfg.RuntimeParams["replication"] = "database"
	cfg.OnNotice = onNotice
	conn, err := pgconn.ConnectConfig(ctx, &cfg.Config)
	if err != nil {
		return nil, connectFault(ctx, cfg, err)
	}
	if err := finishSettings(ctx, conn); err != nil {
		_ = conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

// finishSettings makes the settings that can't come with the start of a session.
func finishSettings(ctx context.Context, conn *pgconn.PgConn) error {
	if _, err := conn.Exec(ctx, laterSettings).ReadAll(); err != nil {
		return fmt.Errorf("set up session: %w", err)
	}
	return nil
}

// connectFault explains why no session could be opened.
func connectFault(ctx context.Context, cfg *pgx.ConnConfig, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	where := net.JoinHostPort(cfg.Host, fmt.Sprint(cfg.Port))
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		if why := distrust(err); why != "" {
			return tlsFault(where, why)
		}
		return &Fault{
			Code:    CodeUnreachable,
			Message: fmt.Sprintf("Postgres at %s can't be reached: %s", where, reason(err)),
			Hint:    "check that it runs and that host, port and TLS mode of the source's uri are right; weir keeps trying",
		}
	}
	switch pg.Code {
	case "28000": // the server's reasons for it are many: no such role, no line in pg_hba.conf, no certificate
		return &Fault{
			Code:    CodeLogin,
			Message: fmt.Sprintf("Postgres at %s refuses user %s: %s", where, cfg.User, pg.Message),
			Hint: fmt.Sprintf("if the user is missing: CREATE ROLE %s LOGIN REPLICATION PASSWORD '...'; else see pg_hba.conf, which may want "+
				"TLS (sslmode=require in the uri) or a certificate of the user (sslcert and sslkey)", ident(cfg.User)),
		}
	case "28P01":
		return &Fault{
			Code:    CodeLogin,
			Message: fmt.Sprintf("Postgres at %s refuses user %s: %s", where, cfg.User, pg.Message),
			Hint:    fmt.Sprintf("check the uri's password; set the password with: ALTER ROLE %s PASSWORD '...'", ident(cfg.User)),
		}
	case "3D000":
		return &Fault{
			Code:    CodeDatabase,
			Message: fmt.Sprintf("Postgres at %s has no database %s", where, cfg.Database),
			Hint:    fmt.Sprintf("name the right one in the source's uri, or: CREATE DATABASE %s", ident(cfg.Database)),
		}
	case "42501":
		return replicationFault(cfg.User)
	case "42704": // unrecognized configuration parameter
		return &Fault{
			Code:    CodeVersion,
			Message: fmt.Sprintf("Postgres at %s is too old, weir needs 14 or newer: %s", where, pg.Message),
			Hint:    "upgrade Postgres",
		}
	case "53300":
		return &Fault{
			Code:    CodeConnections,
			Message: fmt.Sprintf("Postgres at %s has no connection left: %s", where, pg.Message),
			Hint:    "raise max_connections or max_wal_senders, for example: ALTER SYSTEM SET max_wal_senders = 20; then restart Postgres",
		}
	default:
		return &Fault{Code: CodeConnection, Message: fmt.Sprintf("Postgres at %s refuses the connection: %s", where, pg.Message), Hint: pg.Hint}
	}
}

func replicationFault(user string) *Fault {
	return &Fault{
		Code:    CodeReplication,
		Message: fmt.Sprintf("user %s may not replicate", user),
		Hint:    fmt.Sprintf("ALTER ROLE %s REPLICATION", ident(user)),
	}
}

// reason shortens a connection error to its cause: pgconn's text repeats user and host once for each address tried.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

// ident quotes identifiers: ident("public", "t") is "public"."t".
func ident(parts ...string) string { return pgx.Identifier(parts).Sanitize() }
