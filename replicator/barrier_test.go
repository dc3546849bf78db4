package replicator

import (
	"strings"
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
)

// TestBarrierSeesWhatTheSlotMissed forces the order in which a row is lost without the Barrier: its commit record lies before the
// slot's consistent point, so it is not streamed, and its transaction still waits for a standby when the slot is there, so it is
// not visible either.
func TestBarrierSeesWhatTheSlotMissed(t *testing.T) {
	server := pgtest.StartServer(t, pgtest.Options{Settings: map[string]string{"synchronous_standby_names": "nobody", "synchronous_commit": "local"}})
	d := pgtest.NewOn(t, server)
	d.Exec("CREATE TABLE t (id int PRIMARY KEY)")
	s := connected(t, newConfig(d))
	first, second, writer := d.Connect(t), d.Connect(t), d.Connect(t)
	blockedBy := "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'walsender' AND $1::int = ANY(pg_blocking_pids(pid))"

	execOn(t, first, "BEGIN; SELECT pg_current_xact_id()")
	conn, err := s.cfg.connectReplication(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	created := make(chan error, 1)
	go func() {
		_, err := s.createSlot(t.Context(), conn)
		created <- err
	}()
	eventually(t, d, blockedBy, first.PgConn().PID())
	execOn(t, second, "BEGIN; SELECT pg_current_xact_id()")
	execOn(t, first, "COMMIT")
	eventually(t, d, blockedBy, second.PgConn().PID())
	committed := make(chan error, 1)
	go func() {
		_, err := writer.Exec(t.Context(), "SET synchronous_commit = on")
		if err == nil {
			_, err = writer.Exec(t.Context(), "INSERT INTO t VALUES (1)")
		}
		committed <- err
	}()
	eventually(t, d, "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
	execOn(t, second, "COMMIT")
	if err := <-created; err != nil {
		t.Fatal(err)
	}
	if got := d.Value("SELECT count(*) FROM t"); got != "0" {
		t.Fatalf("%s rows are visible: the order was not forced", got)
	}

	reported := make(chan string, 1)
	passed := make(chan error, 1)
	go func() {
		passed <- barrier(t.Context(), s.pool, func(holders string) {
			select {
			case reported <- holders:
			default:
			}
		})
	}()
	select {
	case err := <-passed:
		t.Fatalf("barrier passed (%v) while the row was invisible", err)
	case holders := <-reported:
		if !strings.Contains(holders, d.Name) {
			t.Errorf("holders are %q, want one in %s", holders, d.Name)
		}
		if strings.Contains(holders, "INSERT") {
			t.Errorf("holders show a statement: %q", holders)
		}
	}
	d.Exec("ALTER SYSTEM SET synchronous_standby_names = ''")
	d.Exec("SELECT pg_reload_conf()")
	if err := <-passed; err != nil {
		t.Fatal(err)
	}
	if got := d.Value("SELECT count(*) FROM t"); got != "1" {
		t.Errorf("%s rows are visible behind the barrier, want 1", got)
	}
	if err := <-committed; err != nil {
		t.Error(err)
	}
}

// TestSlotCreationEndsOrphans: a process that died in slot creation leaves a walsender that keeps the name taken.
func TestSlotCreationEndsOrphans(t *testing.T) {
	server := pgtest.StartServer(t, pgtest.Options{})
	d := pgtest.NewOn(t, server)
	s := connected(t, newConfig(d))
	holder := d.Connect(t)
	execOn(t, holder, "BEGIN; SELECT pg_current_xact_id()")
	orphan, err := s.cfg.connectReplication(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := orphan.Exec(t.Context(), "CREATE_REPLICATION_SLOT "+s.cfg.Slot+" LOGICAL pgoutput NOEXPORT_SNAPSHOT").ReadAll()
		ended <- err
	}()
	waiting := "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'walsender' AND pid = $1::int AND $2::int = ANY(pg_blocking_pids(pid))"
	eventually(t, d, waiting, orphan.PID(), holder.PgConn().PID())

	conn, err := s.cfg.connectReplication(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	created := make(chan error, 1)
	go func() {
		_, err := s.createSlot(t.Context(), conn)
		created <- err
	}()
	if err := <-ended; err == nil {
		t.Fatal("the orphan made the slot")
	}
	eventually(t, d, waiting, conn.PID(), holder.PgConn().PID())
	execOn(t, holder, "COMMIT")
	if err := <-created; err != nil {
		t.Fatal(err)
	}
}
