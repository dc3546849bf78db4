package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/replicator/pgtest"
)

var (
	killSeed  = flag.Int64("kill.seed", 0, "seed of TestKill's workload, 0 for a new one")
	killCount = flag.Int("kill.count", 4, "how often TestKill kills weir")
)

const killSchema = `
CREATE TABLE accounts (id bigint PRIMARY KEY, owner text, balance int NOT NULL);
INSERT INTO accounts SELECT i, 'u' || i % 2, 100 FROM generate_series(1, 10) i;
CREATE TABLE items (tenant text, no int, owner text, n numeric, body text, PRIMARY KEY (tenant, no));
ALTER TABLE items ALTER body SET STORAGE EXTERNAL;
INSERT INTO items SELECT 't' || i % 3, i, 'u' || i % 2, i / 7.0, repeat(md5(i::text), i % 400) FROM generate_series(1, 300) i;
CREATE TABLE notes (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), list text, body text, done bool);
INSERT INTO notes (list, body) SELECT 'l' || i % 4, CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'ünïcødé 🚣 ' || i END FROM generate_series(1, 200) i;
CREATE TABLE members (user_id text, list text, PRIMARY KEY (user_id, list));
INSERT INTO members VALUES ('u0', 'l0'), ('u0', 'l1'), ('u1', 'l1'), ('u1', 'l2');
CREATE TABLE registers (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO registers VALUES (0, 0), (1, 0), (2, 0);`

const killRules = `
bucket_definitions:
  bank:
    data:
      - SELECT id, owner, balance FROM accounts
      - SELECT id, n FROM registers
  mine:
    parameters: SELECT request.user_id() AS owner
    data:
      - SELECT tenant || '-' || no AS id, * FROM items WHERE owner = bucket.owner
  lists:
    parameters: SELECT list FROM members WHERE user_id = request.user_id()
    data:
      - SELECT * FROM notes WHERE list = bucket.list
`

// killTruth is what a user must see of each table: the rules, as SQL over the source (I15).
var killTruth = map[string]string{
	"registers": `SELECT json_build_object('id', id, 'n', n) FROM registers WHERE $1 <> ''`,
	"accounts":  `SELECT json_build_object('id', id, 'owner', owner, 'balance', balance) FROM accounts WHERE $1 <> ''`,
	"items": `SELECT json_build_object('id', tenant || '-' || no, 'tenant', tenant, 'no', no, 'owner', owner, 'n', n::text, 'body', body)
		FROM items WHERE owner = $1`,
	"notes": `SELECT json_build_object('id', id, 'list', list, 'body', body, 'done', done::int)
		FROM notes WHERE list IN (SELECT list FROM members WHERE user_id = $1)`,
}

// TestKill runs weir as a process of its own, beside writers that move rows between buckets, change and swap keys, roll back, and leave
// TOASTed values alone, kills it again and again with SIGKILL, and demands that stock-protocol clients see money conserved and registers
// never going back at every checkpoint (I1), no checksum fail (I5, I6), and in the end exactly what SQL says (I15).
func TestKill(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	t.Logf("-kill.seed=%d", seed)
	db := pgtest.New(t)
	db.Exec(killSchema)
	p := newProcess(t, db, killRules)
	p.start()
	watchers := startWatchers(t, p)

	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	var done [3]int
	for i := range done {
		conn := db.Connect(t)
		writers.Go(func() { done[i] = write(ctx, t, conn, rand.New(rand.NewSource(seed+int64(i))), i) })
	}
	r := rand.New(rand.NewSource(seed))
	for range *killCount {
		watchers.more(t)
		p.awaitSlot(db, time.Duration(r.Intn(300))*time.Millisecond)
		p.kill()
		p.start()
	}
	watchers.more(t)
	stop()
	writers.Wait()
	t.Logf("transactions: %v", done)
	db.Exec(`INSERT INTO accounts VALUES (99, 'end', 0)`)
	watchers.until(t, func(c *syncclient.Client) bool {
		return slices.ContainsFunc(c.Rows("accounts"), func(r syncclient.Row) bool { return r.ID == "99" })
	})
	for _, w := range watchers.list {
		for table, sql := range killTruth {
			want, got := truth(db, sql, w.user), clientRows(t, w.client, table)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s over transport %d, table %s (-SQL +client):\n%s", w.user, w.transport, table, d)
			}
		}
	}
	watchers.stop(t)
	p.stop()
}

// write commits (and sometimes rolls back) random transactions until ctx ends. Each counts the writer's own register up.
func write(ctx context.Context, t *testing.T, conn *pgx.Conn, r *rand.Rand, register int) (n int) {
	for ; ctx.Err() == nil; n++ {
		err := pgx.BeginFunc(context.WithoutCancel(ctx), conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(context.Background(), `UPDATE registers SET n = n + 1 WHERE id = $1`, register); err != nil {
				return err
			}
			for range 1 + r.Intn(3) {
				if err := change(tx, r); err != nil {
					return err
				}
			}
			if r.Intn(8) == 0 {
				return errRollback
			}
			return nil
		})
		if err != nil && !errors.Is(err, errRollback) && !conflict(err) {
			t.Errorf("writer: %v", err)
			return n
		}
	}
	return n
}

var errRollback = errors.New("roll back")

// conflict reports deadlocks and keys that another writer took.
func conflict(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40P01" || pg.Code == "23505")
}

func change(tx pgx.Tx, r *rand.Rand) error {
	exec := func(sql string, args ...any) error {
		_, err := tx.Exec(context.Background(), sql, args...)
		return err
	}
	no, other, user := 1+r.Intn(330), 1+r.Intn(330), fmt.Sprintf("u%d", r.Intn(3))
	switch r.Intn(11) {
	case 0, 1: // move money; the order of rows avoids most deadlocks
		a, b, sum := 1+r.Intn(9), 0, r.Intn(20)-10
		b = a + 1
		return errors.Join(exec(`UPDATE accounts SET balance = balance - $2 WHERE id = $1`, a, sum),
			exec(`UPDATE accounts SET balance = balance + $2 WHERE id = $1`, b, sum))
	case 2: // to another bucket, the TOASTed body unchanged
		return exec(`UPDATE items SET owner = $2 WHERE no = $1`, no, user)
	case 3: // another key, the body unchanged
		return exec(`UPDATE items SET no = $2 WHERE no = $1 AND NOT EXISTS (SELECT FROM items WHERE no = $2)`, no, other)
	case 4: // two keys change places
		for _, step := range [][2]int{{no, -no}, {other, no}, {-no, other}} {
			if err := exec(`UPDATE items SET no = $2, tenant = 't' WHERE no = $1`, step[0], step[1]); err != nil {
				return err
			}
		}
		return nil
	case 5:
		return exec(`INSERT INTO items VALUES ('t', $1, $2, $3::float8, $4) ON CONFLICT (tenant, no) DO UPDATE SET n = excluded.n`,
			no, user, r.Float64(), strings.Repeat("b", r.Intn(5000)))
	case 6:
		if r.Intn(20) == 0 {
			return exec(`UPDATE items SET body = repeat($2, 1 << 20) WHERE no = $1`, no, string(rune('a'+r.Intn(26))))
		}
		return exec(`UPDATE items SET body = CASE WHEN body = '' THEN NULL ELSE left(body, 10) END, n = n + 1 WHERE no = $1`, no)
	case 7:
		return exec(`DELETE FROM items WHERE no = $1`, no)
	case 8:
		return exec(`UPDATE notes SET list = 'l' || $1::int, done = NOT coalesce(done, false) WHERE id IN (SELECT id FROM notes ORDER BY id OFFSET $2 LIMIT 3)`,
			r.Intn(5), r.Intn(200))
	case 9:
		if r.Intn(2) == 0 {
			return exec(`DELETE FROM members WHERE user_id = $1 AND list = $2`, user, fmt.Sprintf("l%d", r.Intn(4)))
		}
		return exec(`INSERT INTO members VALUES ($1, $2) ON CONFLICT DO NOTHING`, user, fmt.Sprintf("l%d", r.Intn(4)))
	default:
		return exec(`INSERT INTO notes (list, body) VALUES ($1, $2)`, fmt.Sprintf("l%d", r.Intn(4)), strings.Repeat("é", r.Intn(3)))
	}
}

func truth(db *pgtest.Database, sql, user string) map[string]string {
	rows := map[string]string{}
	for _, r := range db.Query(sql, user) {
		addRow(rows, []byte(r[0]))
	}
	return rows
}

func clientRows(t *testing.T, c *syncclient.Client, table string) map[string]string {
	t.Helper()
	rows := map[string]string{}
	for _, r := range c.Rows(table) {
		addRow(rows, r.Data)
	}
	return rows
}

// addRow files a row under its id in a form that does not depend on the order of its columns.
func addRow(rows map[string]string, data []byte) {
	var row map[string]any
	if err := json.Unmarshal(data, &row); err != nil {
		rows[string(data)] = err.Error()
		return
	}
	text, _ := json.Marshal(row)
	rows[fmt.Sprint(row["id"])] = string(text)
}
