package replicator

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/replicator/pgtest"
)

// wantFinding looks for a finding with a hint and texts in its message.
func wantFinding(t *testing.T, found Faults, code Code, texts ...string) {
	t.Helper()
	for _, f := range found {
		if f.Code != code {
			continue
		}
		if f.Hint == "" {
			t.Errorf("%s has no hint: %s", code, f.Message)
		}
		for _, text := range texts {
			if !strings.Contains(f.Message+"\n"+f.Hint, text) {
				t.Errorf("%s lacks %q: %s\n%s", code, text, f.Message, f.Hint)
			}
		}
		return
	}
	t.Errorf("no %s in %v", code, found)
}

// A slot of something else, one that is gone by its server's settings, one that soon will be.
func TestExamineSlots(t *testing.T) {
	server := pgtest.StartServer(t, pgtest.Options{Settings: map[string]string{
		"max_slot_wal_keep_size": "64MB", "min_wal_size": "32MB", "max_wal_size": "32MB",
	}})
	d := pgtest.NewOn(t, server)
	cfg := newConfig(d)
	write := func() {
		d.Exec("SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)) FROM generate_series(1, 8)")
		d.Exec("SELECT pg_switch_wal()")
		d.Exec("CHECKPOINT")
	}
	d.Exec("SELECT pg_create_logical_replication_slot('" + cfg.Slot + "', 'test_decoding')")
	e := Examine(t.Context(), cfg, nil)
	wantFinding(t, e.Faults, CodeSlotForeign, "plugin test_decoding", "choose another name", "pg_drop_replication_slot")

	d.Exec("SELECT pg_drop_replication_slot('" + cfg.Slot + "')")
	d.Exec("SELECT pg_create_logical_replication_slot('" + cfg.Slot + "', 'pgoutput')")
	if e = Examine(t.Context(), cfg, nil); len(e.Warnings)+len(e.Faults) > 0 {
		t.Errorf("a sound slot: %v %v", e.Faults, e.Warnings)
	}
	for range 20 {
		write()
		if e = Examine(t.Context(), cfg, nil); len(e.Warnings) > 0 {
			break
		}
	}
	wantFinding(t, e.Warnings, CodeSlotBudget, "may fall behind by", "budget 64.0 MiB", "max_slot_wal_keep_size")
	for range 20 {
		write()
		if e = Examine(t.Context(), cfg, nil); len(e.Faults) > 0 {
			break
		}
	}
	wantFinding(t, e.Faults, CodeSlotLost, "was invalidated: wal_removed", "ALTER SYSTEM SET max_slot_wal_keep_size")
}

// A role that may have no connection more.
func TestExamineWithoutConnections(t *testing.T) {
	d := pgtest.New(t)
	role := "crowded_" + d.Name
	d.Exec("CREATE ROLE " + role + " LOGIN REPLICATION CONNECTION LIMIT 0")
	defer d.Exec("DROP ROLE " + role)
	cfg := newConfig(d)
	cfg.URI = withUser(t, d.URI(), role, "secret-word")
	e := Examine(t.Context(), cfg, nil)
	wantFinding(t, e.Faults, CodeConnections, "has no connection left", "max_connections")
}

// edited changes a text of each query.
type edited struct {
	querier
	from, to string
}

func (q edited) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return q.querier.QueryRow(ctx, strings.ReplaceAll(sql, q.from, q.to), args...)
}

// What only time brings: transactions that are open for long, and clocks that go apart.
func TestExamineTimes(t *testing.T) {
	d := pgtest.New(t)
	s := connected(t, newConfig(d))
	var e Examination
	look := func(minute, clock string) {
		t.Helper()
		e = Examination{}
		if err := e.openTransactions(t.Context(), edited{s.pool, "1 minute", minute}); err != nil {
			t.Fatal(err)
		}
		if err := e.clock(t.Context(), edited{s.pool, "clock_timestamp()", clock}); err != nil {
			t.Fatal(err)
		}
	}
	conn := d.Connect(t)
	if _, err := conn.Exec(t.Context(), "BEGIN; SELECT pg_current_xact_id()", simple...); err != nil {
		t.Fatal(err)
	}
	if look("1 hour", "clock_timestamp()"); len(e.Warnings) > 0 || len(e.Facts) != 1 {
		t.Errorf("nothing is wrong: %v, facts %v", e.Warnings, e.Facts)
	}
	look("0 minutes", "clock_timestamp() - interval '42 s'")
	wantFinding(t, e.Warnings, CodeTransactions, "the making of the slot waits for them", "pid ", "pg_terminate_backend", "ROLLBACK PREPARED")
	wantFinding(t, e.Warnings, CodeClock, "42s apart", "NTP")
}
