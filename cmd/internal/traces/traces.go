package traces

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/weirsync/weir/buckets"
)

// Config of a Tracer. All is needed.
type Config struct {
	Endpoint string // URL of the collector's OTLP over HTTP, without /v1/traces
	OneIn    int    // commits
	Version  string // of weir
	Logger   *slog.Logger
}

// A commit's way is followed to sentMax clients, for sentSpan.
const (
	sentMax  = 10
	sentSpan = time.Minute
)

// Tracer makes traces. Its methods never wait for the collector, but Close.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	oneIn    int

	mu     sync.Mutex
	seen   int             // commits
	last   context.Context // of the trace made last, to which spans can be added; nil if there is none
	commit buckets.CommitTimes
	sent   int // clients that it was followed to
}

// New returns a tracer. It connects when there is something to send. The error handler of OpenTelemetry, which is one for the whole
// process, gets to be the logger.
func New(ctx context.Context, cfg Config) (*Tracer, error) {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.Endpoint+"/v1/traces"))
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { cfg.Logger.Warn("traces can't be sent", "error", err) }))
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "weir"), attribute.String("service.version", cfg.Version))))
	return &Tracer{provider: provider, tracer: provider.Tracer("github.com/weirsync/weir"), oneIn: cfg.OneIn}, nil
}

// Commit takes a commit that was published. It is for buckets.Options.Trace.
func (t *Tracer) Commit(c buckets.CommitTimes) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen++
	if (t.seen-1)%t.oneIn != 0 {
		return
	}
	if c.Committed.IsZero() || c.Committed.After(c.Received) {
		c.Committed = c.Received // clocks differ
	}
	ctx, root := t.tracer.Start(context.Background(), "commit", trace.WithTimestamp(c.Committed), trace.WithAttributes(
		attribute.String("weir.source", c.Source), attribute.String("weir.lsn", c.End.String()),
		attribute.Int64("weir.checkpoint", int64(c.Checkpoint))))
	t.span(ctx, "receive", c.Committed, c.Received)
	t.span(ctx, "apply", c.Received, c.Applied)
	t.span(ctx, "store", c.Applied, c.Durable)
	t.span(ctx, "publish", c.Durable, c.Published)
	root.End(trace.WithTimestamp(c.Published))
	t.last, t.commit, t.sent = ctx, c, 0
}

// Sent takes a round that a client was sent whole. It is for clients.Config.Sent.
func (t *Tracer) Sent(checkpoint buckets.OpID, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil || checkpoint < t.commit.Checkpoint || t.sent == sentMax || at.Sub(t.commit.Published) > sentSpan {
		return
	}
	t.sent++
	t.span(t.last, "sent", t.commit.Published, at)
}

func (t *Tracer) span(ctx context.Context, name string, begin, end time.Time) {
	_, s := t.tracer.Start(ctx, name, trace.WithTimestamp(begin))
	s.End(trace.WithTimestamp(end))
}

// Close sends what is left, for as long as ctx allows.
func (t *Tracer) Close(ctx context.Context) error {
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	return nil
}
