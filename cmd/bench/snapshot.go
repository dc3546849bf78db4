package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// snapshotMargin is what weir may need beside the snapshot's own memory limit.
const snapshotMargin = 96

func runInitial(ctx context.Context, b *bench) ([]result, error) {
	took, err := b.snapshot(ctx, globalReplica, user(0), b.sizes.rows)
	if err != nil {
		return nil, err
	}
	if err := b.stopWeir(); err != nil { // so that the file is as the next start finds it
		return nil, err
	}
	file, err := os.Stat(b.storePath(globalReplica))
	if err != nil {
		return nil, err
	}
	table, err := b.pg.number(ctx, "SELECT pg_table_size($1)", items)
	if err != nil {
		return nil, err
	}
	results := []result{
		took.rate("one global bucket", 0.18),
		{
			What: "store size", Unit: mebibytes, LimitOf: "the table without indexes",
			Limit: float64(table) / mib, Figure: float64(file.Size()) / mib, targets: []target{timesLimit(1)},
		},
	}
	return append(results, took.memory("peak RssAnon while snapshotting", globalReplica)...), nil
}

// runWide reads rows of a MiB in concurrent chunks: as much memory as a snapshot can need.
func runWide(ctx context.Context, b *bench) ([]result, error) {
	took, err := b.snapshot(ctx, wideReplica, user(0), b.sizes.wide)
	if err != nil {
		return nil, err
	}
	if err := b.stopWeir(); err != nil {
		return nil, err
	}
	if err := b.discard(ctx, wideReplica); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("peak RssAnon, %s rows of 1 MiB, concurrent", thousands(fmt.Sprint(b.sizes.wide)))
	return took.memory(what, wideReplica), nil
}

func runOwners(ctx context.Context, b *bench) ([]result, error) {
	took, err := b.snapshot(ctx, ownersReplica, user(1), b.sizes.rows/b.sizes.owners)
	if err != nil {
		return nil, err
	}
	if err := b.stopWeir(); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s owners' buckets, a parameter query", thousands(fmt.Sprint(b.sizes.owners)))
	return []result{took.rate(name, 0.12)}, b.discard(ctx, ownersReplica)
}

// snapshotRun is what was measured of an initial replication.
type snapshotRun struct {
	figure float64 // rows/s
	limit  float64 // rows/s of COPY
	peak   int64   // RssAnon in bytes, 0 if that cannot be known
}

func (s *snapshotRun) rate(what string, part float64) result {
	return result{
		What: what, Unit: rowsPerSecond, LimitOf: "COPY TO STDOUT, one connection",
		Limit: s.limit, Figure: s.figure, targets: []target{partOfLimit(part)},
	}
}

// memory is a line of the table, or none where the peak is not known.
func (s *snapshotRun) memory(what string, r *replica) []result {
	if s.peak == 0 {
		return nil
	}
	return []result{{
		What: what, Unit: mebibytes, LimitOf: "snapshot.memory_limit", Limit: float64(r.memoryLimit()) / mib, Figure: float64(s.peak) / mib,
		targets: []target{overLimit(snapshotMargin, mebibytes)},
	}}
}

// snapshot starts weir on an empty store and measures the time from the start of the process to the first checkpoint. The user must
// then have so many rows. The limit is taken before and after, and the better one counts.
func (b *bench) snapshot(ctx context.Context, r *replica, user string, rows int) (*snapshotRun, error) {
	if err := b.need(ctx, r.table); err != nil {
		return nil, err
	}
	b.progress.step("COPY")
	before, err := b.pg.copyOut(ctx, r.table)
	if err != nil {
		return nil, err
	}
	b.progress.step("snapshot")
	if err := b.startWeir(ctx, r); err != nil {
		return nil, err
	}
	stop := peakRSS(ctx, b.weir.cmd.Process.Pid)
	var took time.Duration
	err = b.profiled("", func() error {
		err := b.weir.ready(ctx)
		took = time.Since(b.weir.started)
		return err
	})
	run := &snapshotRun{figure: perSecond(b.sizes.rowsOf(r.table), took), peak: stop()}
	if err != nil {
		return nil, err
	}
	b.filled[r] = true
	after, err := b.pg.copyOut(ctx, r.table)
	if err != nil {
		return nil, err
	}
	run.limit = max(before, after)
	held, err := b.checkpoint(ctx, user)
	if err != nil {
		return nil, err
	}
	if got := count(held); got != int64(rows) {
		return nil, fmt.Errorf("the buckets of %s have %d rows, want %d", user, got, rows)
	}
	return run, nil
}
