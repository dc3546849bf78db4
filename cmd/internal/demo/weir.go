package demo

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/cmd/internal/service"
)

//go:embed rules.yaml
var rules string

const (
	audience = "weir-demo"
	tokenTTL = auth.MaxLifetime
)

// weir is a running service.
type weir struct {
	url string
	key auth.JWK

	cancel context.CancelFunc
	ended  chan struct{} // closed when the service is no more
	err    error         // why, to be read after that
}

// startWeir starts a service with its store and rules in dir. It runs until
// stop, or until something in it fails.
func startWeir(dir, source, slot, rulesText string, log *slog.Logger) (*weir, error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	w := &weir{
		key:   auth.JWK{Kty: "oct", Alg: "HS256", Kid: "demo", K: base64.RawURLEncoding.EncodeToString(secret)},
		ended: make(chan struct{}),
	}
	cfg := config.Default()
	cfg.Sources = []config.Source{{Name: config.SourceNameDefault, URI: config.URI(source), Slot: slot, Publication: slot}}
	cfg.Store.Path = filepath.Join(dir, "weir.db")
	cfg.Rules.Path = filepath.Join(dir, "rules.yaml")
	cfg.Listen = "127.0.0.1:0"
	cfg.Auth = config.Auth{Audience: []string{audience}, JWKS: config.JWKS{Keys: []config.JWK{
		{Kty: w.key.Kty, Alg: w.key.Alg, Kid: w.key.Kid, K: config.Secret(w.key.K)},
	}}}
	if err := os.WriteFile(cfg.Rules.Path, []byte(rulesText), 0o600); err != nil {
		return nil, fmt.Errorf("write rules: %w", err)
	}
	s, err := service.New(cfg, log)
	if err != nil {
		return nil, fmt.Errorf("start weir: %w", err)
	}
	w.url = "http://" + s.Addr().String()
	// Not the caller's context: at the end weir still serves what is verified.
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go func() {
		defer close(w.ended)
		w.err = s.Run(ctx)
	}()
	return w, nil
}

// readyPoll is how often a starting weir is asked whether it is ready.
const readyPoll = 50 * time.Millisecond

// ready waits until the first snapshot is complete, so that there is something
// to serve. It asks as a load balancer does.
func (w *weir) ready(ctx context.Context) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		answer, err := probe(ctx, w.url+"/probes/readiness")
		if err == nil && answer == http.StatusOK {
			return nil
		}
		select {
		case <-tick.C:
		case <-w.ended:
			return w.failure()
		case <-ctx.Done():
			return fmt.Errorf("wait for weir to be ready: %w", errors.Join(context.Cause(ctx), err))
		}
	}
}

func probe(ctx context.Context, url string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	req.Close = true // leaves no idle connection behind
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// failure says why the service ended by itself.
func (w *weir) failure() error { return fmt.Errorf("weir has stopped: %w", w.err) }

// stop stops the service gracefully and returns how it ended.
func (w *weir) stop() error {
	w.cancel()
	<-w.ended
	if w.err != nil {
		return fmt.Errorf("weir: %w", w.err)
	}
	return nil
}

// token signs one for the user.
func (w *weir) token(user string) (string, error) {
	now := time.Now()
	return auth.Sign(w.key, map[string]any{
		"sub": user, "aud": audience, "iat": now.Unix(), "exp": now.Add(tokenTTL).Unix(),
	})
}
