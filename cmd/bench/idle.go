package main

import (
	"context"
	"fmt"
	"time"
)

const (
	idleMax    = 48 // KiB of a client
	idleCPUMax = 1  // percent of a core, for all
	idleTime   = 5 * time.Second
)

// runIdle has clients connect to a fresh weir, download what is theirs, and then be left alone.
func runIdle(ctx context.Context, b *bench) ([]result, error) {
	if err := b.serveFresh(ctx, servedReplica); err != nil {
		return nil, err
	}
	pid := b.weir.cmd.Process.Pid
	before, err := b.live(pid)
	if err != nil {
		return nil, err
	}
	b.progress.step("connect %d clients", b.sizes.idle)
	c, err := b.gather(ctx, b.sizes.idle)
	if err != nil {
		return nil, err
	}
	defer c.disperse()
	if err := rest(ctx, pid); err != nil { // what connecting has left to do
		return nil, err
	}
	var used time.Duration
	err = b.profiled("", func() (err error) {
		used, err = cpuOver(ctx, pid, idleTime)
		return err
	})
	if err != nil {
		return nil, err
	}
	after, err := rssAnon(pid)
	if err != nil {
		return nil, err
	}
	kept, err := b.live(pid)
	if err != nil {
		return nil, err
	}
	each := func(n int64) float64 { return max(0, float64(n-before)/float64(len(c.streams))/kib) }
	return []result{
		{
			What: fmt.Sprintf("RssAnon of each of %d idle clients", b.sizes.idle), Unit: kibibytes, Figure: each(kept), Note: c.note(),
			targets: []target{atMost(idleMax, kibibytes)},
		},
		{
			What: "the same with the garbage that their coming left", Unit: kibibytes, Figure: each(after), Note: c.note(),
			targets: []target{atMost(idleMax, kibibytes)},
		},
		{
			What: fmt.Sprintf("CPU of weir with %d idle clients", b.sizes.idle), Unit: percent,
			Figure: 100 * used.Seconds() / idleTime.Seconds(), Note: c.note(), targets: []target{atMost(idleCPUMax, percent)},
		},
	}, nil
}

// live returns the RssAnon of weir without its garbage: how much of that there is at a moment is a matter of chance.
func (b *bench) live(pid int) (int64, error) {
	if err := b.weir.command("collect"); err != nil {
		return 0, fmt.Errorf("collect garbage: %w", err)
	}
	return rssAnon(pid)
}

const (
	restTime = time.Second           // for which a process must do nothing
	restCPU  = 20 * time.Millisecond // more than nothing: heartbeats, timers
)

// rest waits until a process has nothing left to do.
func rest(ctx context.Context, pid int) error {
	for {
		used, err := cpuOver(ctx, pid, restTime)
		if err != nil || used <= restCPU {
			return err
		}
	}
}

// cpuOver returns how much CPU a process uses in a time.
func cpuOver(ctx context.Context, pid int, d time.Duration) (time.Duration, error) {
	before, err := cpuTime(pid)
	if err != nil {
		return 0, err
	}
	if err := pause(ctx, d); err != nil {
		return 0, err
	}
	after, err := cpuTime(pid)
	return after - before, err
}
