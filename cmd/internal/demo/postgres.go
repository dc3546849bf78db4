package demo

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/replicator/pgserver"
)

// database is where the guide is.
const database = "guide"

// patience is how long a start says nothing.
const patience = 5 * time.Second

// startPostgres finds or fetches a server, starts it in a temporary folder and
// makes an empty database. Fetching can take minutes, so it tells how it goes.
func startPostgres(ctx context.Context, s *screen) (_ *pgserver.Server, err error) {
	began := time.Now()
	stop := remind(patience, func() { s.progress("still starting PostgreSQL (%.0f s)", time.Since(began).Seconds()) })
	defer stop()
	server, err := pgserver.Start(ctx, pgserver.Options{Log: &fetchLog{screen: s}})
	if err != nil {
		return nil, err
	}
	if err := createDatabase(ctx, server); err != nil {
		_ = server.Close()
		return nil, err
	}
	s.done(began, "PostgreSQL %d started on port %d", server.Version(), server.Port())
	return server, nil
}

func createDatabase(ctx context.Context, server *pgserver.Server) error {
	conn, err := pgx.Connect(ctx, server.URI("postgres"))
	if err != nil {
		return fmt.Errorf("connect to postgres: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+database); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

// remind calls say again and again until stop is called, which waits for it.
func remind(every time.Duration, say func()) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				say()
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// fetchLog shows what pgserver says of a fetch, and nothing of the server's own
// log.
type fetchLog struct{ screen *screen }

func (l *fetchLog) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte("fetching ")) {
		l.screen.progress("%s", bytes.TrimSpace(b))
	}
	return len(b), nil
}
