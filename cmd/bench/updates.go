package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/weirsync/weir/buckets"
)

// runUpdates streams an update of every row, has the store compacted, and compares its size with that which the table had before.
func runUpdates(ctx context.Context, b *bench) ([]result, error) {
	n := b.sizes.rows
	if _, err := b.restOn(ctx, globalReplica, user(0)); err != nil {
		return nil, err
	}
	table, err := b.pg.number(ctx, "SELECT pg_table_size($1)", items)
	if err != nil {
		return nil, err
	}
	b.progress.step("make the updates")
	if err := b.makeBacklog(ctx, items, n, backlogBatch); err != nil {
		return nil, err
	}
	b.progress.step("stream them")
	if err := b.startWeir(ctx, globalReplica); err != nil {
		return nil, err
	}
	if err := b.awaitConfirmed(ctx, globalReplica.name); err != nil {
		return nil, err
	}
	if err := b.stopWeir(); err != nil {
		return nil, err
	}
	b.progress.step("compact")
	if _, _, err := buckets.CompactOffline(ctx, b.storePath(globalReplica), true); err != nil {
		return nil, err
	}
	file, err := os.Stat(b.storePath(globalReplica))
	if err != nil {
		return nil, err
	}
	return []result{{
		What: fmt.Sprintf("store size after %s updates and a compaction", thousands(fmt.Sprint(n))), Unit: mebibytes,
		LimitOf: "the table without indexes, before", Limit: float64(table) / mib, Figure: float64(file.Size()) / mib,
		targets: []target{timesLimit(1.3)},
	}}, nil
}

// awaitConfirmed waits until the slot's reader has acknowledged what is in the WAL now.
func (b *bench) awaitConfirmed(ctx context.Context, slot string) error {
	const sql = "SELECT (confirmed_flush_lsn >= $2::text::pg_lsn)::int FROM pg_replication_slots WHERE slot_name = $1"
	var end string
	if err := b.pg.conn.QueryRow(ctx, "SELECT pg_current_wal_lsn()::text").Scan(&end); err != nil {
		return fmt.Errorf("ask for the end of the WAL: %w", err)
	}
	for {
		reached, err := b.pg.number(ctx, sql, slot, end)
		if err != nil || reached == 1 {
			return err
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("wait for slot %s to reach %s: %w", slot, end, err)
		}
	}
}
