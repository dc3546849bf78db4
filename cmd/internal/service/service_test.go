package service

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/replicator/pgtest"
	"github.com/weirsync/weir/storage"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const everyItem = "bucket_definitions:\n  all:\n    data:\n      - SELECT * FROM items\n"

// newConfig is a configuration in a folder of its own.
func newConfig(t *testing.T, uri, rules string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(path, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Sources = []config.Source{{Name: "default", URI: config.URI(uri), Slot: "weir_service", Publication: "weir_service"}}
	cfg.Store.Path = filepath.Join(dir, "weir.db")
	cfg.Rules.Path = path
	cfg.Listen = "127.0.0.1:0"
	cfg.Auth = config.Auth{
		Audience: []string{"weir"},
		JWKS:     config.JWKS{Keys: []config.JWK{{Kty: "oct", Alg: "HS256", Kid: "dev", K: "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}}},
	}
	return cfg
}

// run runs a service and returns its address. It is stopped at the end of the test, and must stop without a fault.
func run(t *testing.T, cfg *config.Config) string {
	t.Helper()
	s, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if r, err := storage.Check(cfg.Store.Path); err != nil || !r.OK() {
			t.Errorf("check: %v %+v", err, r)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return "http://" + s.Addr().String()
}

type readiness struct {
	status  int
	Ready   bool
	Reasons []string
}

func ready(t *testing.T, endpoint string) readiness {
	t.Helper()
	resp, err := http.Get(endpoint + "/probes/readiness")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	r := readiness{status: resp.StatusCode}
	if err := errors.Join(err, json.Unmarshal(text, &r)); err != nil {
		t.Fatalf("readiness: %v: %s", err, text)
	}
	return r
}

// until polls readiness until ok: it is what an orchestrator does.
func until(t *testing.T, endpoint string, ok func(readiness) bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r := ready(t, endpoint)
		if ok(r) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not reached: %+v", r)
		}
	}
}

// A source that is down at start is waited for, and health says why; once it is there, weir gets ready by itself, and stays so
// while it is away again.
func TestSourceComesLater(t *testing.T) {
	server := pgtest.StartServer(t, pgtest.Options{})
	db := pgtest.NewOn(t, server)
	db.Exec("CREATE TABLE items (id text PRIMARY KEY); INSERT INTO items VALUES ('1')")
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	endpoint := run(t, newConfig(t, db.URI(), everyItem))
	unreachable := func(r readiness) bool { return strings.Contains(strings.Join(r.Reasons, "\n"), "can't be reached") }
	until(t, endpoint, func(r readiness) bool { return r.status == http.StatusBadRequest && !r.Ready && unreachable(r) })
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, endpoint, func(r readiness) bool { return r.status == http.StatusOK && r.Ready && len(r.Reasons) == 0 })
	if err := server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, endpoint, func(r readiness) bool { return r.status == http.StatusOK && r.Ready && unreachable(r) })
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, endpoint, func(r readiness) bool { return len(r.Reasons) == 0 })
}

func TestFaultsOfTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*config.Config) error
		want  string
	}{
		"rules with a fault": {func(c *config.Config) error {
			return os.WriteFile(c.Rules.Path, []byte("bucket_definitions:\n  a:\n    data:\n      - SELECT FROM\n"), 0o600)
		}, "rules.yaml:4:"},
		"no rules file": {func(c *config.Config) error { return os.Remove(c.Rules.Path) }, "no such file"},
		"foreign store": {func(c *config.Config) error {
			return os.WriteFile(c.Store.Path, []byte(strings.Repeat("not a store", 1000)), 0o600)
		}, "not a weir store"},
		"address in use": {func(c *config.Config) error { c.Listen = "256.0.0.1:1"; return nil }, "choose another address"},
		"bad key":        {func(c *config.Config) error { c.Auth.JWKS.Keys[0].K = "???"; return nil }, "auth"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := newConfig(t, "postgres://app:geheim@127.0.0.1:1/app", everyItem)
			if err := c.spoil(cfg); err != nil {
				t.Fatal(err)
			}
			_, err := New(cfg, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("got %v, want one with %q and without the password", err, c.want)
			}
		})
	}
}
