package service

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/cmd/internal/traces"
	"github.com/weirsync/weir/cmd/internal/version"
)

// tracesTimeout is how long the collector has to take what is left when the process stops.
const tracesTimeout = 5 * time.Second

// newTracer returns nil if no traces are configured.
func newTracer(cfg config.Traces, log *slog.Logger) (*traces.Tracer, error) {
	if cfg.Endpoint == "" {
		return nil, nil
	}
	return traces.New(context.Background(), traces.Config{
		Endpoint: strings.TrimRight(string(cfg.Endpoint), "/"), OneIn: cfg.OneIn, Version: version.Name(), Logger: log,
	})
}

func (s *Service) traceCommit() func(buckets.CommitTimes) {
	if s.tracer == nil {
		return nil
	}
	return s.tracer.Commit
}

func (s *Service) traceSent() func(buckets.OpID, time.Time) {
	if s.tracer == nil {
		return nil
	}
	return s.tracer.Sent
}

func (s *Service) closeTracer() {
	if s.tracer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), tracesTimeout)
	defer cancel()
	if err := s.tracer.Close(ctx); err != nil {
		s.log.Warn("the last traces can't be sent", "error", err)
	}
}
