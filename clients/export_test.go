package clients

import (
	"context"
	"time"

	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/clients/wire"
)

// RunSession runs a session over a sender that is no network, for tests that need a false clock.
func RunSession(ctx context.Context, cfg Config, body []byte, claims *auth.Claims, pulse time.Duration, out Sender) error {
	req, err := parseStreamRequest(body)
	if err != nil {
		return err
	}
	s := New(cfg).newSession(req, claims, pulse)
	s.format, s.out = wire.JSON, out
	return s.run(ctx)
}

// Moved looks at what the session would say first, has something happen, and tells whether the session notices (C6).
func Moved(cfg Config, body []byte, claims *auth.Claims, happen func()) (bool, error) {
	req, err := parseStreamRequest(body)
	if err != nil {
		return false, err
	}
	s := New(cfg).newSession(req, claims, 0)
	r, _, err := s.view()
	if err != nil {
		return false, err
	}
	happen()
	return s.moved(r)
}

// Tick ticks a session whose token has expired by the time of day.
func Tick(ctx context.Context) error {
	s := &session{clock: &clock{expires: time.Now().Add(-time.Second)}}
	return s.tick(ctx)
}

// ErrExpired ends a session.
var ErrExpired = errExpired

// Sender is what a session sends to.
type Sender = sender

// PulseEvery is the interval of HTTP streams.
const PulseEvery = pulseEvery
