package pgtest

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

func TestMain(m *testing.M) { Main(m) }

func TestDatabase(t *testing.T) {
	d := New(t)
	d.Exec("CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t VALUES (1, 'a'), (2, NULL)")
	d.Exec("INSERT INTO t VALUES ($1, $2)", 3, "it's")
	got := d.Query("SELECT id, note FROM t WHERE id < $1 ORDER BY id", 10)
	want := [][]string{{"1", "a"}, {"2", "NULL"}, {"3", "it's"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if got := d.Value("SELECT current_database()"); got != d.Name {
		t.Errorf("connected to database %s, want %s", got, d.Name)
	}
}

func TestVersion(t *testing.T) {
	version := os.Getenv(VersionVar)
	if version == "" {
		t.Skip(VersionVar + " is not set: any version will do")
	}
	if got := New(t).Value("SELECT current_setting('server_version_num')::int / 10000"); got != version {
		t.Errorf("server has version %s, want %s", got, version)
	}
}

func TestServerIsReadyForReplication(t *testing.T) {
	d := New(t)
	for name, want := range map[string]string{
		"wal_level":                 "logical",
		"max_prepared_transactions": "10",
	} {
		if got := d.Value("SHOW " + name); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
}

// A test that leaves a slot with a reader and a prepared transaction must not
// keep its database.
func TestDatabaseIsDropped(t *testing.T) {
	var name string
	t.Run("leave things behind", func(leaver *testing.T) {
		d := New(leaver)
		name = d.Name
		d.Exec("CREATE TABLE t (id int)")
		d.Exec("SELECT pg_create_logical_replication_slot('slot_' || current_database(), 'pgoutput')")
		d.Exec("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'it''s left'")
		readSlot(t, d, "slot_"+d.Name)
	})
	if got := New(t).Query("SELECT datname FROM pg_database WHERE datname = $1", name); len(got) != 0 {
		t.Errorf("database %s is still there", name)
	}
}

// readSlot starts to read a slot, until the server ends it or the test is over.
func readSlot(t *testing.T, d *Database, slot string) {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), d.URI()+"&replication=database")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	conn.Frontend().SendQuery(&pgproto3.Query{
		String: "START_REPLICATION SLOT " + slot + " LOGICAL 0/0 (proto_version '1', publication_names 'none')",
	})
	if err := conn.Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	for {
		msg, err := conn.ReceiveMessage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := msg.(*pgproto3.CopyBothResponse); ok {
			return
		}
	}
}

func TestStartServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := StartServer(t, Options{Settings: map[string]string{"wal_sender_timeout": "7s", "work_mem": "1MB"}})
	d := NewOn(t, s)
	if got := d.Value("SHOW wal_sender_timeout"); got != "7s" {
		t.Errorf("wal_sender_timeout = %s, want 7s", got)
	}
	d.Exec("CREATE TABLE t (id int)")
	d.Exec("ALTER SYSTEM SET work_mem = '2MB'")

	port := s.Port()
	for name, step := range map[string]func(context.Context) error{
		"stop": s.Stop, "kill": s.Kill, "restart": s.Restart,
	} {
		if err := step(ctx); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := s.Restart(ctx); err != nil {
			t.Fatalf("restart after %s: %v", name, err)
		}
		d.Exec("INSERT INTO t VALUES (1)")
	}
	if got := d.Value("SELECT count(*) FROM t"); got != "3" {
		t.Errorf("rows after stop, kill and restart: %s, want 3", got)
	}
	if got := d.Value("SHOW work_mem"); got != "2MB" {
		t.Errorf("work_mem after ALTER SYSTEM and restart = %s, want 2MB", got)
	}
	if s.Port() != port {
		t.Errorf("port %d after restart, want %d", s.Port(), port)
	}
}

func TestStoppedServerRefuses(t *testing.T) {
	s := StartServer(t, Options{})
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := pgx.Connect(t.Context(), s.URI("postgres"))
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("connect to a stopped server: %v, want refused", err)
	}
}
