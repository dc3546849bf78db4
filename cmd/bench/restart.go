package main

import (
	"context"
	"fmt"
	"time"
)

// runRestart kills weir and measures from the start of the next process until a client has its first checkpoint.
func runRestart(ctx context.Context, b *bench) ([]result, error) {
	if err := b.serve(ctx, globalReplica); err != nil {
		return nil, err
	}
	b.progress.step("kill and start again")
	b.weir.kill()
	b.weir = nil
	if err := b.startWeir(ctx, globalReplica); err != nil {
		return nil, err
	}
	if err := b.weir.ready(ctx); err != nil {
		return nil, err
	}
	if _, err := b.checkpoint(ctx, user(0)); err != nil {
		return nil, err
	}
	took := time.Since(b.weir.started)
	return []result{{
		What: fmt.Sprintf("after a kill, store of %s rows", thousands(fmt.Sprint(b.sizes.rows))),
		Unit: seconds, Figure: took.Seconds(), targets: []target{atMost(1, seconds)},
	}}, nil
}
