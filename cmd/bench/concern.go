package main

import (
	"context"
	"fmt"
	"time"
)

const (
	fewClients   = 50
	concernTimes = 1.5 // times the CPU that a commit takes with few clients
)

// runConcern has commits that concern one client, while few and while many others are connected. A tenth of the many do not read: commits
// that concern all go before.
func runConcern(ctx context.Context, b *bench) ([]result, error) {
	if err := b.serve(ctx, servedReplica); err != nil {
		return nil, err
	}
	watched, err := b.join(ctx, user(0))
	if err != nil {
		return nil, err
	}
	f := follow(watched)
	defer f.close()
	others := func(i int) int { return 1 + i%(b.sizes.users()-1) }
	few, err := b.gatherOf(ctx, min(fewClients, b.sizes.idle), others)
	if err != nil {
		return nil, err
	}
	defer few.disperse()
	b.progress.step("%d commits, %d clients", b.sizes.commits, len(few.streams))
	fewCPU, fewTimes, err := b.concernOne(ctx, f)
	if err != nil {
		return nil, err
	}
	b.progress.step("connect %d clients", b.sizes.idle)
	many, err := b.gatherOf(ctx, b.sizes.idle, others)
	if err != nil {
		return nil, err
	}
	defer many.disperse()
	readers := followAll(many.streams[len(many.streams)/10:]) // the others read no more
	for _, r := range readers {
		go func() { // not waited for: it ends with the stream
			for range r.complete {
			}
		}()
	}
	for range 5 {
		if _, err := b.commitToAll(ctx, many.owners); err != nil {
			return nil, err
		}
	}
	b.progress.step("%d commits, %d clients", b.sizes.commits, len(many.streams))
	if err := pause(ctx, idleTime); err != nil { // until those who read have it
		return nil, err
	}
	manyCPU, manyTimes, err := b.concernOne(ctx, f)
	if err != nil {
		return nil, err
	}
	return []result{
		{
			What: fmt.Sprintf("CPU of a commit for one of %d clients", len(many.streams)), Unit: millis, LimitOf: fmt.Sprintf("with %d clients", len(few.streams)),
			Limit: fewCPU, Figure: manyCPU, Note: many.note(), targets: []target{timesLimit(concernTimes)},
		},
		{
			What: "a commit for one of them, p50", Unit: millis, LimitOf: fmt.Sprintf("with %d clients", len(few.streams)),
			Limit: quantile(fewTimes, 0.5), Figure: quantile(manyTimes, 0.5), Note: many.note(), targets: []target{timesLimit(concernTimes)},
		},
	}, nil
}

// concernOne commits for the client of owner 0 alone. It returns the milliseconds of CPU that weir takes for each commit, and how long each is
// on its way.
func (b *bench) concernOne(ctx context.Context, f *follower) (cpu float64, times []time.Duration, err error) {
	pid := b.weir.cmd.Process.Pid
	before, err := cpuTime(pid)
	if err != nil {
		return 0, nil, err
	}
	for range b.sizes.commits {
		sent, err := b.commitToAll(ctx, []int{0})
		if err != nil {
			return 0, nil, err
		}
		if times, err = arrivals(ctx, []*follower{f}, sent, times); err != nil {
			return 0, nil, err
		}
	}
	after, err := cpuTime(pid)
	return float64((after - before).Microseconds()) / 1000 / float64(b.sizes.commits), times, err
}
