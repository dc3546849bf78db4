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

// Sender is what a session sends to.
type Sender = sender

// PulseEvery is the interval of HTTP streams.
const PulseEvery = pulseEvery
