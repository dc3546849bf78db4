package replicator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

const ballastRows = 1500

const killTables = bankTables + `
CREATE TABLE ballast (id int PRIMARY KEY, v text) WITH (autovacuum_enabled = off);
INSERT INTO ballast SELECT i, repeat('v', 200) FROM generate_series(1, 1500) i;`

const killRules = bankRules + `  ballast:
    data:
      - SELECT id, v FROM ballast
`

var killTruth = append([]string{"SELECT 'ballast', id, json_build_object('id', id, 'v', v) FROM ballast"}, bankTruth...)

// deaths are the points at which a process is killed, and the n-th time that it comes there.
var deaths = []struct {
	at string
	n  int32
}{
	{stepSlot, 1},
	{stepSlotMade, 1},
	{stepSlotKnown, 1},
	{stepBegin, 2},
	{stepChunks, 2},
	{"checked", 5},
	{"read", 5},
	{stepSaved, 5},
	{stepRepair, 1},
	{stepReread, 1},
	{stepFence, 1},
	{stepFenced, 2},
	{"received", 20},
	{buckets.StepCommit, 8},
	{buckets.StepDurable, 8},
	{buckets.StepStaged, 2},
	{buckets.StepSweep, 2},
}

// TestKilledAt: wherever a process is killed, and with what of its work acknowledged, the next one ends with what SQL says; every
// checkpoint of both is a state that the source had (I1); and it reads at most a chunk per worker again.
func TestKilledAt(t *testing.T) {
	for _, death := range deaths {
		t.Run(death.at, func(t *testing.T) {
			t.Parallel()
			dieAndGoOn(t, concurrent, death.at, death.n)
		})
		if slices.Contains([]string{"read", stepFence, buckets.StepDurable}, death.at) {
			t.Run(death.at+", sequential", func(t *testing.T) {
				t.Parallel()
				dieAndGoOn(t, func(*Config) {}, death.at, death.n)
			})
		}
	}
}

func dieAndGoOn(t *testing.T, mode func(*Config), at string, n int32) {
	d := pgtest.New(t)
	d.Exec(killTables)
	var mu sync.Mutex
	var again strings.Builder
	w := newWorld(t, d, killRules, func(cfg *Config) {
		mode(cfg)
		cfg.Snapshot.ChunkBytes, cfg.Snapshot.MemoryLimit = 16<<10, 256<<10
		cfg.hooks.chunkRead = func(_ context.Context, rel *buckets.Relation, rows int) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(&again, "%s %d\n", rel.Name, rows)
		}
	})
	v := &victim{
		At: at, N: n, Path: w.path, URI: d.URI(), Slot: w.cfg.Slot, Pub: w.cfg.Publication, Rules: killRules, Concurrent: w.cfg.Snapshot.Concurrent,
		// The workload runs beside it: without the lock it could give away a key that this or it is about to use.
		Prepare: "BEGIN; LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE; UPDATE accounts SET id = -1 WHERE id = 3; UPDATE accounts SET id = 3 WHERE id = 300; UPDATE accounts SET id = 300 WHERE id = -1; COMMIT;",
	}
	if at == buckets.StepStaged {
		v.Prepare += "INSERT INTO accounts SELECT i, 'giant', 0, repeat('g', 200) FROM generate_series(1000, 2500) i;"
	}
	stop := workload(t, d, seedOf(t), randomTransaction)
	log := v.run(t)
	w.start()
	w.settle()
	stop()
	w.compare(killTruth...)
	before, largest := rowsRead(log, "ballast")
	behind, other := rowsRead(again.String(), "ballast")
	fill := w.cfg.Snapshot
	fill.fill()
	if repeated, limit := before+behind-ballastRows, fill.Workers*max(largest, other); repeated < 0 || repeated > limit {
		t.Errorf("rows read before and behind the death: %d and %d of %d; want at most %d twice", before, behind, ballastRows, limit)
	}
}
