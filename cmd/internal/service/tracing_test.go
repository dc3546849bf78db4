package service

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/replicator/pgtest"
)

// A commit is traced from Postgres to the client that was sent it.
func TestTracesOfACommit(t *testing.T) {
	var mu sync.Mutex
	spans := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var req collector.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(body, &req) != nil {
			t.Errorf("no traces: %v", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, s := range req.ResourceSpans[0].ScopeSpans[0].Spans {
			if s.EndTimeUnixNano < s.StartTimeUnixNano {
				t.Errorf("span %s ends before it begins", s.Name)
			}
			spans[s.Name]++
		}
	}))
	defer server.Close()
	db := pgtest.New(t)
	db.Exec("CREATE TABLE items (id text PRIMARY KEY); INSERT INTO items VALUES ('1')")
	cfg := newConfig(t, db.URI(), everyItem)
	cfg.Traces = config.Traces{Endpoint: config.CollectorURI(server.URL + "/"), OneIn: 1}
	front, back, stop := startObserved(t, cfg, slog.New(slog.DiscardHandler))
	until(t, front, func(r readiness) bool { return r.Ready })
	done := follow(t, front)
	db.Exec("INSERT INTO items VALUES ('2')")
	done()
	scrape(t, back, map[string]float64{`weir_table_rows_total{operation="insert",source="default",table="public.items"}`: 1})
	stop()
	mu.Lock()
	defer mu.Unlock()
	for _, name := range []string{"commit", "receive", "apply", "store", "publish", "sent"} {
		if spans[name] == 0 {
			t.Errorf("no span %s among %v", name, spans)
		}
	}
}

// follow syncs until wait has seen a checkpoint that comes after the call of follow.
func follow(t *testing.T, endpoint string) (wait func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	applied := make(chan struct{}, 10)
	c := syncclient.New(syncclient.Options{
		Endpoint: endpoint, Token: syncclient.StaticToken(signed(t, "u", "weir")), RetryDelay: 20 * time.Millisecond,
		OnApply: func(syncclient.Applied) { applied <- struct{}{} },
	})
	var running sync.WaitGroup
	running.Go(func() { _ = c.Run(ctx) }) // ends with ctx
	next := func() {
		t.Helper()
		select {
		case <-applied:
		case <-ctx.Done():
			t.Error("no checkpoint came")
		}
	}
	next()
	return func() {
		t.Helper()
		next()
		cancel()
		running.Wait()
	}
}
