package service

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/replicator/pgtest"
)

// life is a service whose metrics and readiness are looked at while its source has a hard time.
type life struct {
	*testing.T
	server      *pgtest.Server
	db          *pgtest.Database
	front, back string
}

// Metrics and readiness stay right through all that a source goes through.
func TestMetricsThroughALife(t *testing.T) {
	l := &life{T: t, server: pgtest.StartServer(t, pgtest.Options{})}
	l.db = pgtest.NewOn(t, l.server)
	l.db.Exec("CREATE TABLE items (id text PRIMARY KEY); INSERT INTO items VALUES ('1'), ('2')")
	l.startsBeforeItsSource()
	l.waitsForTheSlot()
	l.snapshots()
	l.streams()
	l.losesTheServer()
	l.deploys()
	l.readsATableAgain()
	l.losesTheSlot()
}

// hold begins a transaction that keeps slots and snapshots waiting, across restarts of the server too.
func (l *life) hold() {
	l.db.Exec("BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'of the app'")
}

func (l *life) release() { l.db.Exec("ROLLBACK PREPARED 'of the app'") }

// sees waits until the metrics have the values and readiness is as they say, with the reason given ("" for none).
func (l *life) sees(reason string, want map[string]float64) (text string) {
	l.Helper()
	text = scrape(l.T, l.back, want)
	isReady, _ := sample(text, "weir_ready")
	until(l.T, l.front, func(r readiness) bool {
		if r.Ready != (isReady == 1) || (r.status == http.StatusOK) != r.Ready {
			l.Fatalf("readiness %+v, weir_ready %v", r, isReady)
		}
		all := strings.Join(r.Reasons, "\n")
		return reason == "" && all == "" || reason != "" && strings.Contains(all, reason)
	})
	if status, _ := get(l.T, l.front+"/probes/liveness", ""); status != http.StatusOK {
		l.Errorf("liveness: %d", status)
	}
	return text
}

func (l *life) startsBeforeItsSource() {
	l.hold()
	if err := l.server.Stop(l.Context()); err != nil {
		l.Fatal(err)
	}
	cfg := newConfig(l.T, l.db.URI(), everyItem)
	l.front, l.back, _ = startObserved(l.T, cfg, slog.New(slog.DiscardHandler))
	text := l.sees("can't be reached", map[string]float64{
		"weir_ready": 0, `weir_source_connected{source="default"}`: 0, `weir_source_faults{source="default"}`: 1,
		`weir_source_state{source="default",state="connecting"}`: 1, `weir_deploy_versions{state="deploying"}`: 1,
		`weir_source_lag_bytes{source="default"}`: 0, "weir_checkpoints_total": 0,
	})
	if strings.Contains(text, "weir_slot_") {
		l.Error("a slot that nobody has seen")
	}
}

func (l *life) waitsForTheSlot() {
	l.restart()
	l.sees("waits for the slot, which is held up by prepared", map[string]float64{
		"weir_ready": 0, `weir_source_connected{source="default"}`: 0, `weir_source_faults{source="default"}`: 0,
		`weir_source_state{source="default",state="waiting"}`: 1,
	})
	l.release()
}

func (l *life) snapshots() {
	text := l.sees("", map[string]float64{
		"weir_ready": 1, `weir_source_connected{source="default"}`: 1,
		`weir_source_state{source="default",state="streaming"}`:                             1,
		`weir_table_rows_total{operation="snapshot",source="default",table="public.items"}`: 2,
		`weir_snapshot_unfinished_tables{source="default"}`:                                 0,
		`weir_snapshot_rows{id="1",source="default",table="public.items"}`:                  2,
		`weir_snapshot_phase{id="1",phase="done",source="default",table="public.items"}`:    1,
		`weir_slot_wal_status{slot="weir_service",source="default",status="reserved"}`:      1,
		`weir_slot_active{slot="weir_service",source="default"}`:                            1,
		`weir_deploy_versions{state="active"}`:                                              1,
		"weir_deploy_active_version":                                                        1,
		"weir_checkpoint_held":                                                              0,
		`weir_writer_queue_bytes{queue="stream"}`:                                           0,
	})
	for _, name := range []string{"weir_slot_retained_bytes", "weir_slot_unconfirmed_bytes"} {
		if kept, ok := sample(text, name+`{slot="weir_service",source="default"}`); !ok || kept < 0 || kept > 1e9 {
			l.Errorf("%s is %v", name, kept)
		}
	}
}

// changed is how the metrics are after streams.
var changed = map[string]float64{
	`weir_table_rows_total{operation="insert",source="default",table="public.items"}`: 1,
	`weir_table_rows_total{operation="update",source="default",table="public.items"}`: 1,
	`weir_table_rows_total{operation="delete",source="default",table="public.items"}`: 3,
	`weir_table_transactions_total{source="default",table="public.items"}`:            3,
	`weir_source_lag_bytes{source="default"}`:                                         0,
	`weir_source_lag_seconds{source="default"}`:                                       0,
	"weir_ready": 1,
}

func (l *life) streams() {
	l.db.Exec("INSERT INTO items VALUES ('3')")
	l.db.Exec("UPDATE items SET id = '4' WHERE id = '3'")
	l.db.Exec("DELETE FROM items")
	text := l.sees("", changed)
	published, _ := sample(text, `weir_commit_published_seconds_count{source="default"}`)
	fast, _ := sample(text, `weir_commit_published_seconds_bucket{source="default",le="10"}`)
	if published < 3 || fast < 3 {
		l.Errorf("published %v, in 10 s %v", published, fast)
	}
}

func (l *life) restart() {
	l.Helper()
	if err := l.server.Restart(l.Context()); err != nil {
		l.Fatal(err)
	}
}

func (l *life) losesTheServer() {
	if err := l.server.Kill(l.Context()); err != nil {
		l.Fatal(err)
	}
	l.sees("can't be reached", map[string]float64{
		"weir_ready": 1, `weir_source_connected{source="default"}`: 0, `weir_source_faults{source="default"}`: 1,
	})
	l.restart()
	l.sees("", map[string]float64{`weir_source_connected{source="default"}`: 1, `weir_source_history_lost_total{source="default"}`: 0})
	l.sees("", changed)
}

// A deploy that can't go on for a while leaves clients with the version before, and with every commit.
func (l *life) deploys() {
	l.db.Exec("CREATE TABLE notes (id text PRIMARY KEY); INSERT INTO notes VALUES ('n')")
	l.hold()
	rules := everyItem + "  more:\n    data:\n      - SELECT * FROM notes\n"
	if status, body := call(l.T, l.back, "POST /api/v1/rules/deploy", rules); status >= 300 {
		l.Fatalf("deploy: %d %s", status, body)
	}
	before := l.sees("waits for prepared", map[string]float64{
		"weir_ready": 1, `weir_deploy_versions{state="deploying"}`: 1, "weir_deploy_active_version": 1,
		`weir_snapshot_unfinished_tables{source="default"}`:                                  1,
		`weir_snapshot_phase{id="2",phase="chunking",source="default",table="public.notes"}`: 1,
		`weir_snapshot_rows{id="2",source="default",table="public.notes"}`:                   0,
		"weir_checkpoint_held": 0,
	})
	began, _ := sample(before, "weir_deploy_started_timestamp_seconds")
	if ago := time.Since(time.Unix(int64(began), 0)); ago < 0 || ago > time.Minute {
		l.Errorf("the deploy began %v ago", ago)
	}
	l.db.Exec("INSERT INTO items VALUES ('5')")
	during := l.sees("waits for prepared", map[string]float64{`weir_table_rows_total{operation="insert",source="default",table="public.items"}`: 2})
	if was, is := counted(before), counted(during); is <= was {
		l.Errorf("%v commits published before and %v during a deploy", was, is)
	}
	l.release()
	after := l.sees("", map[string]float64{
		"weir_ready": 1, "weir_deploy_active_version": 2, `weir_deploy_versions{state="deploying"}`: 0, `weir_deploy_versions{state="active"}`: 1,
		`weir_deploy_versions{state="retiring"}`:                                            1,
		`weir_table_rows_total{operation="snapshot",source="default",table="public.notes"}`: 1,
		`weir_table_rows_total{operation="snapshot",source="default",table="public.items"}`: 2, // not again
		`weir_snapshot_unfinished_tables{source="default"}`:                                 0,
	})
	if _, ok := sample(after, "weir_deploy_started_timestamp_seconds"); ok {
		l.Error("a deploy that has ended is running")
	}
}

func counted(text string) float64 {
	n, _ := sample(text, `weir_commit_published_seconds_count{source="default"}`)
	return n
}

// A table of another shape is read again. Until that is done commits are stored and not published (I9), and clients are served what
// they had.
func (l *life) readsATableAgain() {
	before := l.sees("", nil)
	l.hold()
	l.db.Exec("ALTER TABLE items ADD COLUMN note text; INSERT INTO items VALUES ('6', 'x')")
	during := l.sees("waits for prepared", map[string]float64{
		"weir_ready": 1, "weir_checkpoint_held": 1, `weir_snapshot_unfinished_tables{source="default"}`: 1,
		`weir_snapshot_phase{id="1",phase="chunking",source="default",table="public.items"}`: 1,
		`weir_table_rows_total{operation="insert",source="default",table="public.items"}`:    3,
	})
	if was, is := counted(before), counted(during); is > was+1 { // what came before the change of the shape
		l.Errorf("%v commits published before and %v behind a closed gate", was, is)
	}
	l.release()
	after := l.sees("", map[string]float64{"weir_ready": 1, "weir_checkpoint_held": 0, `weir_snapshot_unfinished_tables{source="default"}`: 0})
	if was, is := counted(during), counted(after); is <= was {
		l.Errorf("%v commits published behind a closed gate and %v once it was open", was, is)
	}
}

// Without its slot weir reads everything again; clients are served what they had meanwhile.
func (l *life) losesTheSlot() {
	l.hold()
	l.dropSlot()
	text := l.sees("waits for the slot", map[string]float64{
		"weir_ready": 1, `weir_source_history_lost_total{source="default"}`: 1, `weir_source_connected{source="default"}`: 0,
		`weir_source_state{source="default",state="waiting"}`:                          1,
		`weir_slot_active{slot="weir_service",source="default"}`:                       0,
		`weir_slot_wal_status{slot="weir_service",source="default",status="reserved"}`: 0,
	})
	if _, ok := sample(text, `weir_slot_retained_bytes{slot="weir_service",source="default"}`); ok {
		l.Error("a slot that is gone keeps WAL")
	}
	l.release()
	l.sees("", map[string]float64{
		"weir_ready": 1, "weir_checkpoint_held": 0, `weir_source_connected{source="default"}`: 1, `weir_source_faults{source="default"}`: 0,
		`weir_snapshot_unfinished_tables{source="default"}`:                                 0,
		`weir_slot_active{slot="weir_service",source="default"}`:                            1,
		`weir_slot_wal_status{slot="weir_service",source="default",status="reserved"}`:      1,
		`weir_source_history_lost_total{source="default"}`:                                  1,
		`weir_table_rows_total{operation="snapshot",source="default",table="public.notes"}`: 2,
	})
}

// dropSlot drops the slot as soon as nobody reads it: weir comes back at once.
func (l *life) dropSlot() {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.Context(), 30*time.Second)
	defer cancel()
	conn := l.db.Connect(l.T)
	for {
		_, err := conn.Exec(ctx, `SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots
			WHERE slot_name = 'weir_service' AND active_pid IS NOT NULL`)
		if err == nil {
			_, err = conn.Exec(ctx, "SELECT pg_drop_replication_slot('weir_service')")
		}
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			l.Fatal(err)
		}
	}
}
