package service

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/replicator/pgtest"
)

// startObserved runs a service with a listener for operators. It returns the addresses of both listeners and a way to stop.
func startObserved(t *testing.T, cfg *config.Config, log *slog.Logger) (front, back string, stop func()) {
	t.Helper()
	cfg.API.Listen, cfg.API.Pprof, cfg.API.Tokens = "127.0.0.1:0", true, []config.Secret{"token-of-the-tests"}
	s, err := New(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	}
	t.Cleanup(stop)
	return "http://" + s.Addr().String(), "http://" + s.BackAddr().String(), stop
}

func get(t *testing.T, url, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// sample returns the value of a sample, named as in the text format; ok is false if it is not there.
func sample(text, name string) (value float64, ok bool) {
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	value, err := strconv.ParseFloat(m[1], 64)
	return value, err == nil
}

// scrape polls the metrics until all samples have the values wanted.
func scrape(t *testing.T, back string, want map[string]float64) (text string) {
	t.Helper()
	for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var status int
		if status, text = get(t, back+"/metrics", ""); status != http.StatusOK {
			t.Fatalf("metrics: %d %s", status, text)
		}
		off := ""
		for name, value := range want {
			if got, ok := sample(text, name); !ok || got != value {
				off = name
			}
		}
		if off == "" {
			return text
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not %v:\n%s", off, want[off], text)
		}
	}
}

// Metrics stay right while the source is down at start, comes, is snapshotted, changes, restarts, and while rules are deployed.
func TestMetricsThroughALife(t *testing.T) {
	server := pgtest.StartServer(t, pgtest.Options{})
	db := pgtest.NewOn(t, server)
	db.Exec("CREATE TABLE items (id text PRIMARY KEY); INSERT INTO items VALUES ('1'), ('2')")
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg := newConfig(t, db.URI(), everyItem)
	_, back, stop := startObserved(t, cfg, slog.New(slog.DiscardHandler))
	scrape(t, back, map[string]float64{
		"weir_ready": 0, `weir_source_connected{source="default"}`: 0, `weir_source_faults{source="default"}`: 1,
	})
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := scrape(t, back, map[string]float64{
		"weir_ready": 1, `weir_source_connected{source="default"}`: 1, `weir_source_faults{source="default"}`: 0,
		`weir_source_state{source="default",state="streaming"}`:                             1,
		`weir_table_rows_total{operation="snapshot",source="default",table="public.items"}`: 2,
		`weir_snapshot_unfinished_tables{source="default"}`:                                 0,
		`weir_slot_wal_status{slot="weir_service",source="default",status="reserved"}`:      1,
		`weir_deploy_versions{state="active"}`:                                              1,
		"weir_checkpoint_held":                                                              0,
		`weir_snapshot_rows{id="1",source="default",table="public.items"}`:                  2,
		`weir_snapshot_phase{id="1",phase="done",source="default",table="public.items"}`:    1,
		`weir_writer_queue_bytes{queue="stream"}`:                                           0,
	})
	if kept, ok := sample(text, `weir_slot_retained_bytes{slot="weir_service",source="default"}`); !ok || kept < 0 || kept > 1e9 {
		t.Errorf("retained %v", kept)
	}
	db.Exec("INSERT INTO items VALUES ('3')")
	db.Exec("UPDATE items SET id = '4' WHERE id = '3'")
	db.Exec("DELETE FROM items")
	changed := map[string]float64{
		`weir_table_rows_total{operation="insert",source="default",table="public.items"}`: 1,
		`weir_table_rows_total{operation="update",source="default",table="public.items"}`: 1,
		`weir_table_rows_total{operation="delete",source="default",table="public.items"}`: 3,
		`weir_table_transactions_total{source="default",table="public.items"}`:            3,
		`weir_source_lag_bytes{source="default"}`:                                         0,
		`weir_source_lag_seconds{source="default"}`:                                       0,
	}
	text = scrape(t, back, changed)
	published, _ := sample(text, `weir_commit_published_seconds_count{source="default"}`)
	fast, _ := sample(text, `weir_commit_published_seconds_bucket{source="default",le="10"}`)
	if published < 3 || fast < 3 {
		t.Errorf("published %v, in 10 s %v", published, fast)
	}
	if err := server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	scrape(t, back, map[string]float64{"weir_ready": 1, `weir_source_connected{source="default"}`: 0})
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	scrape(t, back, map[string]float64{`weir_source_connected{source="default"}`: 1})
	scrape(t, back, changed)
	stop()

	db.Exec("CREATE TABLE notes (id text PRIMARY KEY); INSERT INTO notes VALUES ('n')")
	if err := os.WriteFile(cfg.Rules.Path, []byte(everyItem+"  more:\n    data:\n      - SELECT * FROM notes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, back, _ = startObserved(t, cfg, slog.New(slog.DiscardHandler))
	scrape(t, back, map[string]float64{
		"weir_deploy_active_version": 2, `weir_deploy_versions{state="deploying"}`: 0, `weir_deploy_versions{state="active"}`: 1,
		`weir_table_rows_total{operation="snapshot",source="default",table="public.notes"}`: 1,
	})
}

// Metrics and profiles are nothing for the public.
func TestWhoSeesMetrics(t *testing.T) {
	cfg := newConfig(t, "", "")
	cfg.Sources, cfg.Rules.Path = nil, ""
	front, back, stop := startObserved(t, cfg, slog.New(slog.DiscardHandler))
	for url, want := range map[string]int{
		front + "/metrics": http.StatusNotFound, front + "/api/v1/rules/versions": http.StatusNotFound,
		front + "/debug/pprof/": http.StatusNotFound, front + "/probes/liveness": http.StatusOK,
		back + "/metrics": http.StatusOK, back + "/debug/pprof/": http.StatusOK, back + "/api/v1/rules/versions": http.StatusUnauthorized,
	} {
		if got, body := get(t, url, ""); got != want {
			t.Errorf("%s: %d, want %d: %s", url, got, want, body)
		}
	}
	stop()
	cfg.API = config.API{Tokens: []config.Secret{"token-of-the-tests"}}
	front = run(t, cfg)
	for url, want := range map[string]int{
		front + "/metrics": http.StatusOK, front + "/api/v1/rules/versions": http.StatusOK, front + "/debug/pprof/": http.StatusNotFound,
	} {
		if got, body := get(t, url, "token-of-the-tests"); got != want {
			t.Errorf("%s with a token: %d, want %d: %s", url, got, want, body)
		}
	}
	if got, body := get(t, front+"/metrics", ""); got != http.StatusUnauthorized || strings.Contains(body, "weir_") {
		t.Errorf("without a token: %d %s", got, body)
	}
}
