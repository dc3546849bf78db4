package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirsync/weir/clients/wire"
)

const freshRate = 300_000

// runFresh has clients connect at the same moment, and measures until the last one has its bucket.
func runFresh(ctx context.Context, b *bench) ([]result, error) {
	if err := b.serve(ctx, servedReplica); err != nil {
		return nil, err
	}
	tokens := make([]string, b.sizes.fresh)
	for i := range tokens {
		token, err := b.token(user(i))
		if err != nil {
			return nil, err
		}
		tokens[i] = token
	}
	b.progress.step("%d clients", len(tokens))
	var times []time.Duration
	err := b.profiled("", func() (err error) {
		times, err = b.repeat(func() (time.Duration, error) { return b.downloadAll(ctx, tokens) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return []result{{
		What: fmt.Sprintf("%d clients at once, %d rows each, HTTP, BSON", b.sizes.fresh, b.sizes.own), Unit: rowsPerSecond,
		Figure: perSecond(b.sizes.fresh*b.sizes.own, median(times)), targets: []target{atLeast(freshRate, rowsPerSecond)},
	}}, nil
}

// downloadAll downloads what each token gives, all at once, and checks how much that is.
func (b *bench) downloadAll(ctx context.Context, tokens []string) (time.Duration, error) {
	var total atomic.Int64
	var g errgroup.Group
	started := time.Now()
	for _, token := range tokens {
		g.Go(func() error {
			s, err := openHTTP(ctx, b.weir.url, token, requestFor(nil), wire.BSON, "")
			if err != nil {
				return err
			}
			defer s.close()
			_, rows, err := record(s)
			total.Add(int64(rows))
			return err
		})
	}
	err := g.Wait()
	took := time.Since(started)
	if want := int64(len(tokens) * b.sizes.own); err == nil && total.Load() < want {
		err = fmt.Errorf("got %d rows, want %d", total.Load(), want)
	}
	return took, err
}
