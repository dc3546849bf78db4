package clients

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/auth"
)

// Config of a Server. Store, Auth, Sources and Health are needed. Zero limits mean the defaults named.
type Config struct {
	Store   *buckets.Store
	Auth    *auth.Verifier
	Sources Sources
	Health  Health
	Admin   http.Handler // of all routes under /api/; none by default
	Logger  *slog.Logger // discards by default

	HashUserIDs bool                          // the log has a part of the SHA-256 of a user's id in its place
	Sent        func(buckets.OpID, time.Time) // is told of each round that was sent whole; must not block. None by default

	MaxConnections      int           // HTTP streams and WebSockets at a time, 10,000
	MaxUserConnections  int           // of one user at a time, 100
	MaxRequestBytes     int           // of a request's body, 1 MiB
	MaxBuckets          int           // of a client, 1000
	MaxParameterResults int           // of a client, 1000
	ReadTimeout         time.Duration // a client that has not sent its request body by then is cut off, 30 s
	WriteTimeout        time.Duration // a client that takes nothing for so long is cut off, 60 s
}

// Sources are the source databases, as far as write checkpoints need them.
type Sources interface {
	// Heads returns the current end of each source's WAL.
	Heads(ctx context.Context) (map[string]buckets.Position, error)
	// Mark makes each source write something that replication will bring, even if the source is idle.
	Mark(ctx context.Context) error
}

// Health tells how replication is doing.
type Health interface{ Probe() Probe }

// Probe is the state of a process. It answers /probes.
type Probe struct {
	Started bool      // once true, stays so
	Ready   bool      // clients can be served
	Touched time.Time // when replication last showed that it lives; zero if this process doesn't replicate
	Reasons []string  // what keeps it from being ready or up to date, for people; no secrets
}

// Defaults of Config.
const (
	MaxConnectionsDefault      = 10_000
	MaxUserConnectionsDefault  = 100
	MaxRequestBytesDefault     = 1 << 20
	MaxBucketsDefault          = 1000
	MaxParameterResultsDefault = 1000
	ReadTimeoutDefault         = 30 * time.Second
	WriteTimeoutDefault        = time.Minute
)

func (c *Config) fillDefaults() {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for _, limit := range []struct {
		value   *int
		instead int
	}{
		{&c.MaxConnections, MaxConnectionsDefault},
		{&c.MaxUserConnections, MaxUserConnectionsDefault},
		{&c.MaxRequestBytes, MaxRequestBytesDefault},
		{&c.MaxBuckets, MaxBucketsDefault},
		{&c.MaxParameterResults, MaxParameterResultsDefault},
	} {
		if *limit.value == 0 {
			*limit.value = limit.instead
		}
	}
	if c.ReadTimeout == 0 {
		c.ReadTimeout = ReadTimeoutDefault
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = WriteTimeoutDefault
	}
}
