package service

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/cmd/internal/config"
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

// Anybody could make us hold the megabyte that net/http allows.
func TestHeadersAreBounded(t *testing.T) {
	front, _, _ := startObserved(t, newConfig(t, "postgres://app@127.0.0.1:1/app", everyItem), slog.New(slog.DiscardHandler))
	if status, _ := get(t, front+"/probes/liveness", strings.Repeat("x", 2*headersMax)); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d, want 431", status)
	}
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
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
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
