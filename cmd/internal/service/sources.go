package service

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/replicator"
)

// sources are the configured sources together.
type sources []*replicator.Source

// Heads returns the end of each source's WAL.
func (s sources) Heads(ctx context.Context) (map[string]buckets.Position, error) {
	heads := make([]buckets.Position, len(s))
	g, ctx := errgroup.WithContext(ctx)
	for i, src := range s {
		g.Go(func() (err error) {
			if heads[i], err = src.Head(ctx); err != nil {
				return fmt.Errorf("source %s: %w", src.Health().Source, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	byName := make(map[string]buckets.Position, len(s))
	for i, src := range s {
		byName[src.Health().Source] = heads[i]
	}
	return byName, nil
}

// Mark makes each source write something that its stream brings.
func (s sources) Mark(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, src := range s {
		g.Go(func() error { return src.Mark(ctx) })
	}
	return g.Wait()
}

// health answers the probes.
type health struct {
	store   *buckets.Store
	sources sources
}

// Probe reports ready as soon as a rules version can be served, whatever the sources do: old data is better than none. A store that
// stopped is not alive.
func (h health) Probe() clients.Probe {
	p := clients.Probe{Started: true, Touched: time.Now()}
	if h.store.Failure() != nil {
		p.Touched = time.Unix(0, 0)
	}
	if err := h.store.View(func(*buckets.View) error { return nil }); err != nil {
		p.Reasons = append(p.Reasons, err.Error())
	} else {
		p.Ready = true
	}
	if disk := h.store.Disk(); disk.Full {
		p.Reasons = append(p.Reasons, fmt.Sprintf("store: the disk is full, %d MiB are left and %d MiB are kept free: nothing is stored; %s",
			disk.Free>>20, disk.Reserve>>20, buckets.DiskHint))
	}
	for _, src := range h.sources {
		p.Reasons = append(p.Reasons, reasons(src.Health())...)
	}
	return p
}

// reasons says what keeps a source from streaming, with what to do. Faults have no secrets in them.
func reasons(s replicator.Health) []string {
	var out []string
	prefix := "source " + s.Source + ": "
	if s.State != replicator.Streaming {
		out = append(out, prefix+string(s.State))
	}
	if s.Waiting != "" {
		out = append(out, prefix+"waits for "+s.Waiting)
	}
	for _, f := range s.Faults {
		out = append(out, prefix+f.Error())
	}
	return out
}
