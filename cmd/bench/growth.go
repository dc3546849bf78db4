package main

import (
	"context"
	"fmt"
)

// growthPart is how much of the rate must be left.
const growthPart = 0.70

// runGrowth compares the rates of a table with those of a tenth of it, and of many buckets with those of few.
func runGrowth(ctx context.Context, b *bench) ([]result, error) {
	rows := func(table string) string { return thousands(fmt.Sprint(b.sizes.rowsOf(table))) + " rows" }
	owners := func(table string) string { return thousands(fmt.Sprint(b.sizes.ownersOf(table))) + " buckets" }
	var results []result
	for _, pair := range []struct {
		from, to *replica
		size     func(table string) string
	}{
		{tenthReplica, globalReplica, rows},
		{ownersReplica, manyReplica, owners},
	} {
		from, err := b.ratesOf(ctx, pair.from)
		if err != nil {
			return nil, err
		}
		to, err := b.ratesOf(ctx, pair.to)
		if err != nil {
			return nil, err
		}
		for _, line := range []struct {
			what     string
			from, to float64
		}{{"snapshot", from.snapshot, to.snapshot}, {"stream", from.stream, to.stream}} {
			results = append(results, result{
				What: line.what + " with " + pair.size(pair.to.table), Unit: rowsPerSecond, LimitOf: "the same with " + pair.size(pair.from.table),
				Limit: line.from, Figure: line.to, targets: []target{partOfLimit(growthPart)},
			})
		}
	}
	return results, nil
}

// rates are rows/s.
type rates struct{ snapshot, stream float64 }

// ratesOf replicates a table into an empty store, then a backlog of updates, and removes the store.
func (b *bench) ratesOf(ctx context.Context, r *replica) (rates, error) {
	if b.filled[r] { // by a scenario before
		if err := b.discard(ctx, r); err != nil {
			return rates{}, err
		}
	}
	rows, owners, first := b.sizes.rowsOf(r.table), 1, user(0)
	if r.rules == rulesByOwner(r.table) {
		owners = b.sizes.ownersOf(r.table)
	}
	run, err := b.snapshot(ctx, r, first, rows/owners)
	if err != nil {
		return rates{}, err
	}
	before, err := b.restOn(ctx, r, first)
	if err != nil {
		return rates{}, err
	}
	n := min(b.sizes.backlog, rows/2)
	n = max(n-n%owners, owners) // so that the last one is of the user who waits
	b.progress.step("make the backlog")
	if err := b.makeBacklog(ctx, r.table, n, backlogBatch); err != nil {
		return rates{}, err
	}
	b.progress.step("stream")
	took, err := b.catchUp(ctx, r, first, before+int64(n/owners))
	if err != nil {
		return rates{}, err
	}
	if err := b.stopWeir(); err != nil {
		return rates{}, err
	}
	return rates{run.figure, perSecond(n, took)}, b.discard(ctx, r)
}
