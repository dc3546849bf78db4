package clientstest

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/clients/auth"
)

// Audience of the tokens.
const Audience = "weir"

// Key signs the tokens: its secret is known to the servers of this package.
var Key = auth.JWK{Kty: "oct", Alg: "HS256", Kid: "test", K: "YSBzZWNyZXQgZm9yIHRlc3Rz"}

// Server is a server on a loopback port.
type Server struct {
	*clients.Server
	URL  string // without trailing slash
	http *httptest.Server
}

// health is always well.
type health struct{}

func (health) Probe() clients.Probe {
	return clients.Probe{Started: true, Ready: true, Touched: time.Now()}
}

// Serve serves the store until the test ends or Close is called. change, if not nil, may change the configuration.
func (s *Store) Serve(tb testing.TB, change func(*clients.Config)) *Server {
	tb.Helper()
	verifier, err := auth.New(auth.Config{Audience: []string{Audience}, Keys: []auth.JWK{Key}})
	if err != nil {
		tb.Fatal(err)
	}
	cfg := clients.Config{Store: s.Store, Auth: verifier, Sources: s, Health: health{}}
	if change != nil {
		change(&cfg)
	}
	srv := &Server{Server: clients.New(cfg)}
	srv.http = httptest.NewUnstartedServer(srv.Handler())
	srv.http.Config.ConnContext = srv.ConnContext
	srv.http.Start()
	srv.URL = srv.http.URL
	tb.Cleanup(func() { srv.Close(tb) })
	return srv
}

// Close shuts the server down.
func (srv *Server) Close(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		tb.Errorf("shut down: %v", err)
	}
	srv.http.Close()
}

// WebSocketURL is the URL of the WebSocket endpoint.
func (srv *Server) WebSocketURL() string {
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/sync/stream"
}

// Token returns a token for the user. changes are pairs of claim and value; a nil value leaves the claim out.
func Token(tb testing.TB, sub string, changes ...any) string {
	tb.Helper()
	now := time.Now().Unix()
	claims := map[string]any{"sub": sub, "iat": now, "exp": now + 3600, "aud": Audience}
	for i := 0; i < len(changes); i += 2 {
		claims[changes[i].(string)] = changes[i+1]
		if changes[i+1] == nil {
			delete(claims, changes[i].(string))
		}
	}
	token, err := auth.Sign(Key, claims)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}
