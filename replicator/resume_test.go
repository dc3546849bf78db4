package replicator

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestRestartAtEachStep: wherever a snapshot is left, under a workload with key swaps and unchanged TOAST, the next process ends it.
func TestRestartAtEachStep(t *testing.T) {
	for _, step := range []string{"begin", "chunks", "read", "fence"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			modes(t, func(t *testing.T, mode func(*Config)) {
				d := pgtest.New(t)
				d.Exec(bankTables)
				reached := make(chan struct{})
				var once sync.Once
				reach := func(name string) {
					if name == step {
						once.Do(func() { close(reached) })
					}
				}
				w := newWorld(t, d, bankRules, func(cfg *Config) {
					mode(cfg)
					cfg.hooks.step = func(name string, _ buckets.TableID) { reach(name) }
					cfg.hooks.chunkRead = func(context.Context, *buckets.Relation, int) { reach("read") }
				})
				stop := workload(t, d, seedOf(t), randomTransaction)
				w.start()
				<-reached
				w.stop()
				w.start()
				w.settle()
				stop()
				w.compare(bankTruth...)
			})
		})
	}
}

// TestSnapshotResumes: a restart repeats one chunk at most, and begins no new generation.
func TestSnapshotResumes(t *testing.T) {
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		d.Exec(itemTable + "INSERT INTO items SELECT i, repeat('v', 200), NULL FROM generate_series(100, 3000) i")
		const stopAt = 10
		var reads atomic.Int64
		reached := make(chan struct{})
		w := newWorld(t, d, itemRules, func(cfg *Config) {
			mode(cfg)
			cfg.Snapshot.ChunkBytes = 16 << 10
			cfg.hooks.chunkRead = func(context.Context, *buckets.Relation, int) {
				if reads.Add(1) == stopAt {
					close(reached)
				}
			}
		})
		w.start()
		<-reached
		w.stop()
		w.start()
		stored := w.store.Tables("default")[0].Rows
		w.compare(itemTruth)
		table := w.store.Tables("default")[0]
		if stored == 0 || table.Generation != 1 {
			t.Errorf("%d rows were stored before the restart, generation is %d behind it", stored, table.Generation)
		}
		if repeated := table.Rows - 2941; repeated < 0 || repeated > 400 {
			t.Errorf("chunks brought %d rows, the table has 2941: %d were read twice", table.Rows, repeated)
		}
	})
}
