package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/weirsync/weir/clients/wire"
)

func runBacklog(ctx context.Context, b *bench) ([]result, error) {
	what := fmt.Sprintf("%s updates, %d in a transaction", thousands(fmt.Sprint(b.sizes.backlog)), backlogBatch)
	return b.backlog(ctx, what, b.sizes.backlog, backlogBatch, 0.70)
}

func runSingles(ctx context.Context, b *bench) ([]result, error) {
	what := fmt.Sprintf("%s updates, one in a transaction", thousands(fmt.Sprint(b.sizes.singles)))
	return b.backlog(ctx, what, b.sizes.singles, 1, 0.50)
}

// rawSlot is the slot of the limit: it has the same changes to bring.
const rawSlot = "bench_raw"

// backlog changes n rows while weir is stopped, then lets it catch up. The time runs from the moment at which weir has begun to read
// its slot to the arrival of the last checkpoint at a client; that of the limit from the same moment to the last commit.
func (b *bench) backlog(ctx context.Context, what string, n, batch int, part float64) (_ []result, err error) {
	before, err := b.restOn(ctx, globalReplica, user(0))
	if err != nil {
		return nil, err
	}
	if _, err := b.pg.conn.Exec(ctx, "SELECT pg_create_logical_replication_slot($1, 'pgoutput')", rawSlot); err != nil {
		return nil, fmt.Errorf("create slot: %w", err)
	}
	defer func() {
		_, dropErr := b.pg.conn.Exec(context.WithoutCancel(ctx), "SELECT pg_drop_replication_slot($1)", rawSlot)
		err = errors.Join(err, dropErr)
	}()
	b.progress.step("make the backlog")
	if err := b.makeBacklog(ctx, items, n, batch); err != nil {
		return nil, err
	}
	b.progress.step("read the slot to nowhere")
	limit, err := b.readRaw(ctx, n)
	if err != nil {
		return nil, err
	}
	b.progress.step("stream")
	took, err := b.catchUp(ctx, globalReplica, user(0), before+int64(n))
	if err != nil {
		return nil, err
	}
	b.progress.step("read the slot to nowhere, again")
	again, err := b.readRaw(ctx, n)
	if err != nil {
		return nil, err
	}
	limit = min(limit, again)
	return []result{{
		What: what, Unit: rowsPerSecond, LimitOf: "reading the same pgoutput stream to nowhere",
		Limit: perSecond(n, limit), Figure: perSecond(n, took), targets: []target{partOfLimit(part)},
	}}, nil
}

// readRaw measures the limit. It acknowledges nothing, so that it can be done again, once the slot is free.
func (b *bench) readRaw(ctx context.Context, rows int) (time.Duration, error) {
	took, err := readSlot(ctx, b.pg.uri, rawSlot, globalReplica.name, rows)
	if err != nil {
		return 0, fmt.Errorf("read slot %s: %w", rawSlot, err)
	}
	return took, b.awaitSlot(ctx, rawSlot, false)
}

// restOn makes sure that r's store is filled and up to date, stops weir, and returns how many operations the
// user's buckets have.
func (b *bench) restOn(ctx context.Context, r *replica, user string) (ops int64, err error) {
	if err := b.serve(ctx, r); err != nil {
		return 0, err
	}
	held, err := b.checkpoint(ctx, user)
	if err != nil {
		return 0, err
	}
	return count(held), b.stopWeir()
}

// makeBacklog changes rows 1 to n of a table, each once, with a commit after every batch. Not waiting for the disk makes the backlog
// sooner, and nothing of it different. A block that commits has to be sent alone.
func (b *bench) makeBacklog(ctx context.Context, table string, n, batch int) error {
	for _, sql := range []string{
		"SET synchronous_commit = off",
		fmt.Sprintf(`DO $$ BEGIN
	FOR i IN 1 .. %d LOOP
		UPDATE %s SET done = NOT done, title = reverse(title) WHERE id = `+fmt.Sprintf(idOf, "i")+`;
		IF i %% %d = 0 THEN COMMIT; END IF;
	END LOOP;
END $$`, n, table, batch),
		"RESET synchronous_commit",
		"CHECKPOINT", // only WAL that has reached the disk is sent
	} {
		if err := b.pg.exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// catchUp starts weir and waits until the user's buckets have so many operations.
func (b *bench) catchUp(ctx context.Context, r *replica, user string, ops int64) (took time.Duration, err error) {
	if err := b.startWeir(ctx, r); err != nil {
		return 0, err
	}
	err = b.profiled("", func() error {
		if err := b.awaitSlot(ctx, r.name, true); err != nil {
			return err
		}
		started := time.Now()
		err := b.awaitOps(ctx, user, ops)
		took = time.Since(started)
		return err
	})
	return took, err
}

// slotPoll is how exact the time is at which a slot begins to be read.
const slotPoll = 2 * time.Millisecond

// awaitSlot waits until a slot is being read, or no longer is.
func (b *bench) awaitSlot(ctx context.Context, slot string, active bool) error {
	for {
		is, err := b.pg.number(ctx, "SELECT active::int FROM pg_replication_slots WHERE slot_name = $1", slot)
		if err != nil || (is == 1) == active {
			return err
		}
		if err := pause(ctx, slotPoll); err != nil {
			return fmt.Errorf("wait for slot %s: %w", slot, err)
		}
	}
}

// awaitOps waits until a user's only bucket has so many operations. The client that watches claims to have all that ever comes:
// it is sent checkpoints and no rows, and so costs weir next to nothing.
func (b *bench) awaitOps(ctx context.Context, user string, want int64) error {
	held, err := b.checkpoint(ctx, user)
	if err != nil {
		return err
	}
	held.LastOp = math.MaxInt64
	s, err := b.open(ctx, user, held)
	if err != nil {
		return err
	}
	defer s.close()
	defer context.AfterFunc(ctx, s.close)()
	for {
		k, line, err := s.next()
		if err != nil {
			return errors.Join(ctx.Err(), err)
		}
		if k != checkpointLine && k != diffLine {
			continue
		}
		decoded, err := wire.DecodeBSON(line)
		if err != nil {
			return err
		}
		if countOf(decoded) >= want {
			return nil
		}
	}
}

// countOf is count for both kinds of checkpoint line.
func countOf(l *wire.Line) int64 {
	if l.Diff != nil {
		return count(&wire.Checkpoint{Buckets: l.Diff.Updated})
	}
	return count(l.Checkpoint)
}
