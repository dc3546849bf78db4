package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// How much later than Postgres itself weir may tell of a commit.
const (
	laterP50 = 3  // ms
	laterP99 = 10 // ms
)

func runLatency(ctx context.Context, b *bench) ([]result, error) {
	if err := b.serve(ctx, servedReplica); err != nil {
		return nil, err
	}
	var results []result
	err := b.profiled("", func() error {
		for _, c := range []struct{ owner, rows int }{{ownerLarge, b.sizes.large}, {ownerSmall, b.sizes.own}} {
			b.progress.step("commits to a bucket of %d rows", c.rows)
			client, notified, err := b.commitLatency(ctx, c.owner, c.rows)
			if err != nil {
				return err
			}
			results = append(results,
				latencyResult(c.rows, "p50", 0.50, laterP50, client, notified),
				latencyResult(c.rows, "p99", 0.99, laterP99, client, notified))
		}
		return nil
	})
	return results, err
}

func latencyResult(rows int, name string, q, later float64, client, notified []time.Duration) result {
	return result{
		What: fmt.Sprintf("commit to client, bucket of %s rows, %s", thousands(fmt.Sprint(rows)), name),
		Unit: millis, LimitOf: "NOTIFY of the same commits", Limit: quantile(notified, q), Figure: quantile(client, q),
		targets: []target{overLimit(later, millis)},
	}
}

// commitLatency commits one row after the other and returns how long after the COMMIT was sent the client had its checkpoint, and
// another connection its notification.
func (b *bench) commitLatency(ctx context.Context, owner, rows int) (client, notified []time.Duration, err error) {
	s, err := b.openUpToDate(ctx, user(owner))
	if err != nil {
		return nil, nil, err
	}
	f := follow(s)
	defer f.close()
	l, err := listen(ctx, b.pg.uri)
	if err != nil {
		return nil, nil, err
	}
	defer l.close()
	for i := range b.sizes.commits {
		sent, err := b.commitOne(ctx, b.sizes.firstOf(owner)+i%rows)
		if err != nil {
			return nil, nil, err
		}
		for _, arrival := range []struct {
			from <-chan time.Time
			to   *[]time.Duration
		}{{l.notified, &notified}, {f.complete, &client}} {
			at, err := await(ctx, arrival.from)
			if err != nil {
				return nil, nil, fmt.Errorf("wait for commit %d: %w", i, err)
			}
			*arrival.to = append(*arrival.to, at.Sub(sent))
		}
		// Out of step with any period that weir may have.
		if err := pause(ctx, 10*time.Millisecond+rand.N(20*time.Millisecond)); err != nil {
			return nil, nil, err
		}
	}
	return client, notified, nil
}

// channel of the notifications.
const channel = "bench"

// commitOne changes a row of bench_served and notifies, and returns when the COMMIT was sent.
func (b *bench) commitOne(ctx context.Context, row int) (sent time.Time, err error) {
	err = b.pg.exec(ctx, fmt.Sprintf("BEGIN; UPDATE %s SET done = NOT done WHERE id = "+idOf+"; NOTIFY %s", served, fmt.Sprint(row), channel))
	if err != nil {
		return sent, err
	}
	sent = time.Now()
	return sent, b.pg.exec(ctx, "COMMIT")
}

// listener tells when notifications arrive.
type listener struct {
	conn     *pgx.Conn
	cancel   context.CancelFunc
	notified chan time.Time
}

func listen(ctx context.Context, uri string) (*listener, error) {
	conn, err := pgx.Connect(ctx, uri)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &listener{conn: conn, cancel: cancel, notified: make(chan time.Time, followed)}
	go func() {
		defer close(l.notified)
		for {
			if _, err := conn.WaitForNotification(ctx); err != nil {
				return
			}
			l.notified <- time.Now()
		}
	}()
	return l, nil
}

func (l *listener) close() {
	l.cancel()
	for range l.notified { // until it is closed
	}
	_ = l.conn.Close(context.Background())
}
