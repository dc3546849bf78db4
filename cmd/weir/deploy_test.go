package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/replicator/pgtest"
)

// must runs a command of weir that talks to the process, and returns what it prints.
func (p *process) must(args ...string) string {
	p.t.Helper()
	code, out, faults := p.try(args...)
	if code != exitOK {
		p.t.Fatalf("weir %s: exit %d\n%s%s", strings.Join(args, " "), code, out, faults)
	}
	return out
}

func (p *process) try(args ...string) (code int, out, faults string) {
	p.t.Helper()
	return runCommand(p.t, "", append(args, "--config", p.config())...)
}

// deploy deploys a text and returns what the command prints.
func (p *process) deploy(rules string, more ...string) string {
	p.t.Helper()
	return p.must(append([]string{"rules", "deploy", p.write(rules)}, more...)...)
}

// write writes a rules file that is not the configured one.
func (p *process) write(rules string) string {
	p.t.Helper()
	return writeFiles(p.t, "-- next.yaml --\n"+rules) + "/next.yaml"
}

// status asks which versions count.
func (p *process) status() (s admin.Status) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.must("rules", "status", "--json")), &s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

// tryStatus is status while weir may be away.
func (p *process) tryStatus() (s admin.Status, ok bool) {
	p.t.Helper()
	code, out, _ := p.try("rules", "status", "--json")
	ok = code == exitOK && json.Unmarshal([]byte(out), &s) == nil
	return s, ok
}

// eventually polls until ok, at most for a minute.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not reached: %s", what)
		}
	}
}

// awaitActive waits until a version is active.
func (p *process) awaitActive(id uint32) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("version %d is active", id), func() bool {
		s, ok := p.tryStatus()
		return ok && s.Active != nil && s.Active.ID == id
	})
}

// phone is a connected client that keeps what was wrong at any of its checkpoints.
type phone struct {
	*syncclient.Client

	mu     sync.Mutex
	faults []string
}

// connect connects a client of a user. check looks at its rows after each whole checkpoint and says what is wrong with them.
func (p *process) connect(user string, check func(*syncclient.Client) string) *phone {
	p.t.Helper()
	ph := &phone{}
	ph.Client = syncclient.New(syncclient.Options{
		Endpoint: p.endpoint, Token: syncclient.StaticToken(p.token(user)), RetryDelay: 20 * time.Millisecond,
		OnApply: func(a syncclient.Applied) {
			if a.Priority >= 0 || check == nil {
				return
			}
			if fault := check(ph.Client); fault != "" {
				ph.mu.Lock()
				defer ph.mu.Unlock()
				ph.faults = append(ph.faults, fmt.Sprintf("checkpoint %d: %s", a.Checkpoint, fault))
			}
		},
	})
	done := make(chan struct{})
	ctx, cancel := p.context()
	go func() {
		defer close(done)
		_ = ph.Run(ctx)
	}()
	p.t.Cleanup(func() {
		cancel()
		<-done
		for _, f := range ph.faults {
			p.t.Errorf("%s: %s", user, f)
		}
	})
	return ph
}

func (ph *phone) has(table string, rows int) func() bool {
	return func() bool { return len(ph.Rows(table)) == rows }
}

const tenTables = 10

// tenSchema makes tables t0 to t9 with 40 rows each, those of t9 all of u1.
func tenSchema() string {
	var b strings.Builder
	for i := range tenTables {
		owner := "'u' || i % 2"
		if i == tenTables-1 {
			owner = "'u1'"
		}
		fmt.Fprintf(&b, "CREATE TABLE t%d (id int PRIMARY KEY, owner text, body text);\n", i)
		fmt.Fprintf(&b, "INSERT INTO t%d SELECT i, %s, 'row ' || i FROM generate_series(1, 40) i;\n", i, owner)
	}
	return b.String() + "ANALYZE"
}

// tenRules has a definition for each of the first n tables.
func tenRules(n int) string {
	var b strings.Builder
	b.WriteString("bucket_definitions:\n")
	for i := range n {
		fmt.Fprintf(&b, "  d%d:\n    parameters: SELECT request.user_id() AS owner\n", i)
		fmt.Fprintf(&b, "    data:\n      - SELECT * FROM t%d WHERE owner = bucket.owner\n", i)
	}
	return b.String()
}

// reads says how many rows were ever read of each table. Counters are sent when a session ends, so weir has to be stopped; that of db, which may
// have read rows too, is ended here.
func reads(t *testing.T, db *pgtest.Database) map[string]string {
	t.Helper()
	own := db.Value("SELECT pg_backend_pid()")
	conn := db.Connect(t)
	defer conn.Close(t.Context())
	ask := func(sql string, to ...any) {
		if err := conn.QueryRow(t.Context(), sql).Scan(to...); err != nil {
			t.Fatal(err)
		}
	}
	ask("SELECT pg_terminate_backend("+own+")", nil)
	eventually(t, "all other sessions are gone", func() bool {
		var n int
		ask(`SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()`, &n)
		return n == 0
	})
	var version int
	if ask("SELECT current_setting('server_version_num')::int", &version); version < 150000 {
		ask("SELECT pg_sleep(1)::text", nil) // what it tells then may be half a second old
	}
	out := map[string]string{}
	ask(`SELECT json_object_agg(relname, (seq_tup_read + coalesce(idx_tup_fetch, 0))::text) FROM pg_stat_user_tables`, &out)
	return out
}

// TestDeployReadsAndSendsTheDifference: a redeploy of the same meaning reads and sends nothing; a definition added on one of ten tables reads
// that table, and its buckets go to those who have them; a rollback reads nothing (I11).
func TestDeployReadsAndSendsTheDifference(t *testing.T) {
	isolate(t)
	db := pgtest.New(t)
	db.Exec(tenSchema())
	p := newProcess(t, db, tenRules(tenTables-1))
	p.start()
	u0, u1 := p.connect("u0", nil), p.connect("u1", nil)
	for i := range tenTables - 1 {
		eventually(t, "first rows", u0.has(fmt.Sprintf("t%d", i), 20))
		eventually(t, "first rows", u1.has(fmt.Sprintf("t%d", i), 20))
	}
	p.stop()
	before := reads(t, db)
	p.start()
	p.awaitActive(1)

	// The same meaning, in another text.
	again := strings.ReplaceAll(tenRules(tenTables-1), "  d0:", "  # a remark\n  d0:")
	out := p.deploy(again, "--wait")
	if !strings.Contains(out, "the same meaning as version 1") || !strings.Contains(out, "version 1 is active") {
		t.Errorf("redeploy says\n%s", out)
	}
	if n := len(p.history()); n != 1 {
		t.Errorf("redeploy: got %d versions, want 1", n)
	}
	ops0, ops1 := u0.Stats().Ops, u1.Stats().Ops
	db.Exec(`INSERT INTO t0 VALUES (100, 'u0'), (101, 'u1')`)
	eventually(t, "a change after the redeploy", u0.has("t0", 21))
	eventually(t, "a change after the redeploy", u1.has("t0", 21))
	if d0, d1 := u0.Stats().Ops-ops0, u1.Stats().Ops-ops1; d0 != 1 || d1 != 1 {
		t.Errorf("ops after a redeploy and a change of a row each: got %d and %d, want 1 and 1", d0, d1)
	}

	// One definition more.
	ops0, ops1 = u0.Stats().Ops, u1.Stats().Ops
	out = p.deploy(tenRules(tenTables), "--wait", "--message", "the tenth")
	for _, want := range []string{"+ d9  added", "reads public.t9, about 40 rows, 8 KiB\n", "clients: 2 connected, 2 concerned", "version 2 is active"} {
		if !strings.Contains(out, want) {
			t.Errorf("deploy: got\n%swithout %q", out, want)
		}
	}
	eventually(t, "rows of the new definition", u1.has("t9", 40))
	db.Exec(`INSERT INTO t1 VALUES (100, 'u0')`) // what came before has arrived when this has
	eventually(t, "a change after the deploy", u0.has("t1", 21))
	if d0, d1 := u0.Stats().Ops-ops0, u1.Stats().Ops-ops1; d0 != 1 || d1 != 40 {
		t.Errorf("ops after the deploy: u0 got %d, u1 %d, want 1 (its own change) and 40 (the new rows)", d0, d1)
	}

	// And back.
	if out := p.must("rules", "rollback"); out != "version 1 is active\n" {
		t.Errorf("rollback says %q", out)
	}
	eventually(t, "the definition is gone", u1.has("t9", 0))
	if out := p.must("rules", "rollback", "2"); out != "version 2 is active\n" {
		t.Errorf("rollback to 2 says %q", out)
	}
	eventually(t, "the definition is back", u1.has("t9", 40))

	// A second definition over a table: the first one's rows are not read again.
	p.deploy(tenRules(tenTables)+"  extra:\n    data: [\"SELECT id, owner AS who FROM t1\"]\n", "--wait")
	p.stop()
	after := reads(t, db)
	for table := range after {
		n := 0
		_, _ = fmt.Sscan(after[table], &n)
		was := 0
		_, _ = fmt.Sscan(before[table], &was)
		if want := map[string]int{"t1": 41, "t9": 40}[table]; n-was != want {
			t.Errorf("rows read of %s: got %d, want %d", table, n-was, want)
		}
	}
}

// TestDeployFromTheStore: where whole rows are kept, new and changed definitions are built without a read of the source, while it is being
// written to.
func TestDeployFromTheStore(t *testing.T) {
	isolate(t)
	db := pgtest.New(t)
	db.Exec(tenSchema() + `; ALTER TABLE t0 ADD big text, ADD num numeric, ADD at timestamptz;
		ALTER TABLE t0 ALTER big SET STORAGE EXTERNAL;
		UPDATE t0 SET big = repeat('x', 9000), num = id / 3.0 WHERE id % 2 = 0; ANALYZE`)
	p := newProcess(t, db, fmt.Sprintf(oldAndNew, "old"))
	p.env = append(p.env, "WEIR_STORE_ROW_IMAGES=all")
	p.start()
	u := p.connect("u0", nil)
	eventually(t, "first rows", u.has("t0", 40))
	p.stop()
	before := reads(t, db)
	p.start()
	p.awaitActive(1)
	// These read, too: as many rows as they insert.
	db.Exec(fmt.Sprintf("ALTER DATABASE %s SET enable_seqscan = off", db.Name))
	stop := p.busy(db, `WITH w AS (INSERT INTO t0 VALUES ($1::int + 1000, 'u0', 'new row')) UPDATE t0 SET body = $1::int WHERE id = 2`)
	added := "  added:\n    data: [\"SELECT id, big, num, at, body, owner FROM t0 AS copies\"]\n"
	out := p.deploy(fmt.Sprintf(oldAndNew, "new")+added, "--wait")
	for _, want := range []string{"+ added ", "~ changes ", "takes public.t0 from the store, about 40 rows", "reads nothing\n", "version 2 is active"} {
		if !strings.Contains(out, want) {
			t.Errorf("deploy: got\n%swithout %q", out, want)
		}
	}
	n := stop()
	eventually(t, "all rows", u.has("copies", 40+n))
	eventually(t, "all rows", u.has("t0", 40+n))
	p.stop()
	after := reads(t, db)
	got, was := 0, 0
	_, _ = fmt.Sscan(after["t0"], &got)
	_, _ = fmt.Sscan(before["t0"], &was)
	if got-was != n || after["t1"] != before["t1"] {
		t.Errorf("rows read of t0: got %d, want %d, the writer's own; of t1: %s, before %s", got-was, n, after["t1"], before["t1"])
	}
	const sql = `SELECT json_build_object('id', id, 'big', big, 'num', num::text, 'at', at, 'body', body, 'owner', owner) FROM t0 WHERE $1 <> ''`
	if d := cmp.Diff(truth(db, sql, "u0"), clientRows(t, u.Client, "copies")); d != "" {
		t.Errorf("copies (-SQL +client):\n%s", d)
	}
}

// history lists the versions.
func (p *process) history() (versions []admin.Version) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.must("rules", "history", "--json")), &versions); err != nil {
		p.t.Fatal(err)
	}
	return versions
}

const oldAndNew = `
bucket_definitions:
  stays:
    data: [SELECT * FROM t1]
  changes:
    data: ["SELECT id, '%s' AS look FROM t0"]
`

// TestDeployChangesInOneStep: clients of a changed definition go from the old rows to the new ones at one checkpoint, while commits come
// (I10).
func TestDeployChangesInOneStep(t *testing.T) {
	isolate(t)
	db := pgtest.New(t)
	db.Exec(tenSchema())
	p := newProcess(t, db, fmt.Sprintf(oldAndNew, "old"))
	p.start()
	var looks []string // in the order in which the client had them
	u := p.connect("u0", func(c *syncclient.Client) string {
		seen := map[string]int{}
		for _, r := range c.Rows("t0") {
			var row struct{ Look string }
			_ = json.Unmarshal(r.Data, &row)
			seen[row.Look]++
		}
		if len(seen) != 1 {
			return fmt.Sprintf("mixed or empty: %v", seen)
		}
		for look, n := range seen {
			if n < 40 {
				return fmt.Sprintf("%d rows of %s, want at least 40", n, look)
			}
			if len(looks) == 0 || looks[len(looks)-1] != look {
				looks = append(looks, look)
			}
		}
		return ""
	})
	eventually(t, "first rows", u.has("t0", 40))
	looking := func(look string) func() bool {
		return func() bool { return strings.Contains(string(u.Rows("t0")[0].Data), `"`+look+`"`) }
	}
	// At a pace: every applied checkpoint is checked row by row, so a writer at full speed would outrun the test.
	stop := p.busy(db, `WITH pace AS (SELECT pg_sleep(0.01)) INSERT INTO t0 SELECT $1::int + 1000, 'u0', 'new row' FROM pace`)
	for _, look := range []string{"new", "newer"} {
		p.deploy(fmt.Sprintf(oldAndNew, look), "--wait")
		eventually(t, "the "+look+" rows", looking(look))
	}
	if out := p.must("rules", "rollback", "1"); out != "version 1 is active\n" {
		t.Errorf("rollback says %q", out)
	}
	eventually(t, "the old rows", looking("old"))
	n := stop()
	eventually(t, "all rows", u.has("t0", 40+n))
	want := []string{"old", "new", "newer", "old"}
	if d := cmp.Diff(want, looks); d != "" {
		t.Errorf("looks (-want +got):\n%s", d)
	}
	p.stop()
}

// busy runs a statement with 1, 2, ... again and again until stop, which says how often.
func (p *process) busy(db *pgtest.Database, sql string) (stop func() int) {
	conn := db.Connect(p.t)
	ctx, cancel := p.context()
	count := make(chan int)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			if _, err := conn.Exec(p.t.Context(), sql, n+1); err != nil {
				p.t.Errorf("writer: %v", err)
				break
			}
		}
		_ = conn.Close(p.t.Context()) // so that Postgres counts what it has read
		count <- n
	}()
	return func() int {
		cancel()
		return <-count
	}
}

// TestDeployIsHeldUpAndKilled: while a deploy can't read its table, commits reach clients as usual; a deploy survives kill -9 in the
// middle.
func TestDeployIsHeldUpAndKilled(t *testing.T) {
	isolate(t)
	db := pgtest.New(t)
	db.Exec(tenSchema())
	p := newProcess(t, db, tenRules(1))
	// In the publication already: else weir would wait for the lock when it adds the table.
	db.Exec(`CREATE PUBLICATION weir_1 FOR TABLE t9 WITH (publish = 'insert, update, delete, truncate')`)
	p.start()
	u := p.connect("u1", nil)
	eventually(t, "first rows", u.has("t0", 20))
	lock := db.Connect(t)
	if _, err := lock.Exec(t.Context(), `BEGIN; LOCK TABLE t9 IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	p.deploy(strings.ReplaceAll(tenRules(tenTables), "t1 ", "t9 "))
	flows := func(id int) {
		t.Helper()
		began := time.Now()
		db.Exec(fmt.Sprintf(`INSERT INTO t0 VALUES (%d, 'u1', 'while it is held up')`, id))
		eventually(t, "a commit during the deploy", u.has("t0", 20+id-100))
		t.Logf("commit to client during a deploy: %v", time.Since(began))
		if s := p.status(); s.Deploying == nil || s.Active == nil || s.Active.ID != 1 {
			t.Fatalf("the deploy is not held up: %+v", s)
		}
	}
	flows(101)
	flows(102)
	p.kill()
	p.start()
	p.awaitActive(1)
	flows(103)
	if _, err := lock.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	p.awaitActive(2)
	eventually(t, "the new rows", u.has("t9", 40))
	p.stop()
}

// TestDeployRefused: what can't be deployed is a failed version with its reason and place, and disturbs nothing.
func TestDeployRefused(t *testing.T) {
	isolate(t)
	db := pgtest.New(t)
	db.Exec(tenSchema() + "; CREATE TABLE keyless (id int)")
	p := newProcess(t, db, tenRules(1))
	p.start()
	u := p.connect("u0", nil)
	eventually(t, "first rows", u.has("t0", 20))
	for _, c := range []struct{ rules, want string }{
		{"bucket_definitions:\n  a:\n    data:\n      - SELECT FROM\n", "line 4, column"},
		{"bucket_definitions:\n  a:\n    data:\n      - SELECT * FROM keyless\n", `line 4, column 23: table "public"."keyless" has no primary key`},
		{"bucket_definitions:\n  a:\n    data:\n      - SELECT * FROM nowhere\n", "line 4, column 23: there is no table public.nowhere"},
	} {
		file := p.write(c.rules)
		if code, out, faults := p.try("rules", "diff", file); code != exitFault || !strings.Contains(out, "can't be deployed") {
			t.Errorf("diff: exit %d\n%s%s", code, out, faults)
		}
		if code, out, faults := p.try("rules", "deploy", file, "--wait"); code != exitFault || !strings.Contains(out, "next.yaml:4:") {
			t.Errorf("deploy: exit %d\n%s%s", code, out, faults)
		}
		s := p.status()
		if s.Failed == nil || !strings.Contains(s.Failed.Reason, c.want) || s.Active.ID != 1 || s.Deploying != nil {
			t.Errorf("status: got %+v, want a failed version with %q", s, c.want)
		}
	}
	if n := len(p.history()); n != 4 {
		t.Errorf("got %d versions, want 4", n)
	}
	if got := p.must("rules", "show"); got != tenRules(1) {
		t.Errorf("show: got %q", got)
	}
	p.stop()
}
