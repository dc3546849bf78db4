package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/replicator/pgtest"
)

const twoSourceRules = `
bucket_definitions:
  here:
    data:
      - SELECT id, balance FROM accounts
  there:
    data:
      - SELECT id, balance FROM "other.public"."ledger"
`

const twoSourceTable = `CREATE TABLE %s (id text PRIMARY KEY, balance int NOT NULL); INSERT INTO %[1]s SELECT i, 100 FROM generate_series(1, 10) i`

// TestTwoSources: two databases on two servers come into one store, each through a slot of its own. A client of rules over both sees, at
// every checkpoint, a state that both databases have committed, while weir is killed again and again and while a database is down.
func TestTwoSources(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	here, server := pgtest.New(t), pgtest.StartServer(t, pgtest.Options{})
	there := pgtest.NewOn(t, server)
	here.Exec(fmt.Sprintf(twoSourceTable, "accounts"))
	there.Exec(fmt.Sprintf(twoSourceTable, "ledger"))
	p := newProcess(t, here, twoSourceRules)
	p.addSource("other", there.URI(), "weir_two")
	stopServer(t, server)

	p.start()
	p.awaitSource(t, "other", func(s *admin.SourceStatus) bool { return s.State == "connecting" && len(s.Faults) > 0 })
	c := watchSums(t, p)
	restartServer(t, server) // down at the start: waited for
	c.until(t, func() bool { return c.client.Stats().Checkpoints > 0 })

	r := rand.New(rand.NewSource(seed))
	for range 3 {
		stopWriters := transfer(t, r.Int63(), map[string]*pgx.Conn{"accounts": here.Connect(t), "ledger": there.Connect(t)})
		from := c.client.Stats().Checkpoints
		c.until(t, func() bool { return c.client.Stats().Checkpoints > from+2 })
		p.kill()
		stopWriters()
		p.start()
		c.equal(t, here, there)
	}

	stopServer(t, server) // down in the middle: the other one goes on
	here.Exec("INSERT INTO accounts VALUES ('alone', 0)")
	c.until(t, func() bool { return c.row("accounts", "alone") })
	p.awaitSource(t, "other", func(s *admin.SourceStatus) bool { return len(s.Faults) > 0 })
	restartServer(t, server)
	there.Exec("INSERT INTO ledger VALUES ('back', 0)")
	c.equal(t, here, there)

	status := p.overview(t)
	if a, b := status.Sources[0], status.Sources[1]; a.Slot.Name == b.Slot.Name || a.State != "streaming" || len(a.Tables) != 1 || len(b.Tables) != 1 {
		t.Errorf("sources %+v and %+v", a, b)
	}
	c.stop()
	p.stop()
}

// addSource names the process's first source default and gives it another one.
func (p *process) addSource(name, uri, slot string) {
	p.t.Helper()
	text, err := os.ReadFile(p.config())
	if err != nil {
		p.t.Fatal(err)
	}
	more := fmt.Sprintf("sources:\n  - {name: %s, uri: %q, slot: %s}\n  - name: default\n    uri:", name, uri, slot)
	if err := os.WriteFile(p.config(), []byte(strings.Replace(string(text), "sources:\n  - uri:", more, 1)), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// overview asks the process how it is, again until it answers.
func (p *process) overview(t *testing.T) (s admin.Overview) {
	t.Helper()
	for deadline := time.Now().Add(watchTimeout); ; time.Sleep(20 * time.Millisecond) {
		code, out, faults := runCommand(t, "", "status", "--json", "--config", p.config())
		if code == exitOK {
			if err := json.Unmarshal([]byte(out), &s); err != nil {
				t.Fatal(err)
			}
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("status: %s", faults)
		}
	}
}

// awaitSource waits until a source is as it should be.
func (p *process) awaitSource(t *testing.T, name string, ok func(*admin.SourceStatus) bool) {
	t.Helper()
	for deadline := time.Now().Add(watchTimeout); ; time.Sleep(20 * time.Millisecond) {
		s := p.overview(t)
		for i := range s.Sources {
			if s.Sources[i].Name == name && ok(&s.Sources[i]) {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("not reached: %+v", s.Sources)
		}
	}
}

func stopServer(t *testing.T, s *pgtest.Server) {
	t.Helper()
	if err := s.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func restartServer(t *testing.T, s *pgtest.Server) {
	t.Helper()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// sums is a client that checks at every checkpoint that no transfer is seen by halves.
type sums struct {
	client  *syncclient.Client
	applied chan struct{} // capacity 1
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

func watchSums(t *testing.T, p *process) *sums {
	ctx, cancel := context.WithCancel(t.Context())
	c := &sums{applied: make(chan struct{}, 1), cancel: cancel}
	c.client = syncclient.New(syncclient.Options{
		Endpoint: p.endpoint, Token: syncclient.StaticToken(p.token("u1")), RetryDelay: 20 * time.Millisecond,
		OnApply: func(a syncclient.Applied) {
			for _, table := range []string{"accounts", "ledger"} {
				if got := c.sum(table); got != 1000 {
					t.Errorf("checkpoint %d: %s has %d, want 1000", a.Checkpoint, table, got)
				}
			}
			select {
			case c.applied <- struct{}{}:
			default:
			}
		},
	})
	c.done.Go(func() { _ = c.client.Run(ctx) })
	t.Cleanup(c.stop)
	return c
}

func (c *sums) stop() {
	c.cancel()
	c.done.Wait()
}

func (c *sums) sum(table string) (sum int) {
	for _, r := range c.client.Rows(table) {
		var row struct{ Balance int }
		_ = json.Unmarshal(r.Data, &row)
		sum += row.Balance
	}
	return sum
}

func (c *sums) row(table, id string) bool {
	for _, r := range c.client.Rows(table) {
		if r.ID == id {
			return true
		}
	}
	return false
}

func (c *sums) until(t *testing.T, ok func() bool) {
	t.Helper()
	timeout := time.After(watchTimeout)
	for !ok() {
		select {
		case <-c.applied:
		case <-time.After(100 * time.Millisecond):
		case <-timeout:
			t.Fatalf("not reached: %+v", c.client.Stats())
		}
	}
}

// equal waits until the client has what both databases have.
func (c *sums) equal(t *testing.T, here, there *pgtest.Database) {
	t.Helper()
	for table, db := range map[string]*pgtest.Database{"accounts": here, "ledger": there} {
		want := map[string]string{}
		for _, r := range db.Query("SELECT row_to_json(t) FROM " + table + " t") {
			addRow(want, []byte(r[0]))
		}
		c.until(t, func() bool { return cmp.Equal(want, clientRows(t, c.client, table)) })
	}
}

// transfer moves money within each table, in transactions, until the function that it returns is called.
func transfer(t *testing.T, seed int64, conns map[string]*pgx.Conn) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	for table, conn := range conns {
		r := rand.New(rand.NewSource(seed))
		writers.Go(func() {
			for ctx.Err() == nil {
				sql := fmt.Sprintf("BEGIN; UPDATE %s SET balance = balance - 1 WHERE id = '%d'; UPDATE %[1]s SET balance = balance + 1 WHERE id = '%[3]d'; COMMIT",
					table, 1+r.Intn(10), 1+r.Intn(10))
				if _, err := conn.Exec(context.Background(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
					t.Errorf("write %s: %v", table, err)
					return
				}
			}
		})
	}
	return func() {
		cancel()
		writers.Wait()
	}
}
