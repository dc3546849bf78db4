package replicator

import (
	"sync/atomic"
	"testing"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// unkeptTable has values out of line, in rows that are too small for them to be kept.
const unkeptTable = `CREATE TABLE items (id int PRIMARY KEY, v text, big text) WITH (toast_tuple_target = 128);
	ALTER TABLE items ALTER v SET STORAGE EXTERNAL, ALTER big SET STORAGE EXTERNAL;
	INSERT INTO items SELECT i, repeat(chr(48 + i), 600), repeat('b', 2000) FROM generate_series(1, 40) i;
	UPDATE items SET big = ''`

// TestRepairDespiteAnOpenTransaction: a transaction of the application that stays open holds up no row whose missing value has to be read
// again, and so no checkpoint.
func TestRepairDespiteAnOpenTransaction(t *testing.T) {
	t.Parallel()
	d := pgtest.NewOn(t, pgtest.StartServer(t, pgtest.Options{}))
	d.Exec(unkeptTable)
	var repairs atomic.Int64
	w := newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.hooks.step = func(name string, _ buckets.TableID) {
			if name == stepRepair {
				repairs.Add(1)
			}
		}
	})
	w.start()
	w.compare(itemTruth)
	open := d.Connect(t)
	execOn(t, open, "BEGIN; SELECT pg_current_xact_id()")
	d.Exec("UPDATE items SET big = 'x' WHERE id % 3 = 0")
	w.compare(itemTruth)
	if repairs.Load() == 0 {
		t.Error("no row had to be read again")
	}
	execOn(t, open, "ROLLBACK")
}

// TestWeakBarrier: it waits for a commit that the stream has brought and readers don't see yet.
func TestWeakBarrier(t *testing.T) {
	t.Parallel()
	d, w, committed := deleteUnseen(t)
	waited := false
	err := w.source.recent.barrier(t.Context(), w.source.pool, func(string) {
		waited = true
		d.Exec("ALTER SYSTEM SET synchronous_standby_names = ''")
		d.Exec("SELECT pg_reload_conf()")
	})
	if err != nil || !waited || d.Value("SELECT count(*) FROM items WHERE id = 1") != "0" {
		t.Errorf("barrier: %v; waited: %v", err, waited)
	}
	if err := <-committed; err != nil {
		t.Fatal(err)
	}
}

// TestWeakBarrierOfANewProcess: what an earlier one has applied is not known, so it waits for all, once.
func TestWeakBarrierOfANewProcess(t *testing.T) {
	t.Parallel()
	d := pgtest.NewOn(t, pgtest.StartServer(t, pgtest.Options{}))
	s := connected(t, newConfig(d))
	open := d.Connect(t)
	execOn(t, open, "BEGIN; SELECT pg_current_xact_id()")
	waited := false
	wait := func() {
		t.Helper()
		err := s.recent.barrier(t.Context(), s.pool, func(string) {
			waited = true
			execOn(t, open, "ROLLBACK; BEGIN; SELECT pg_current_xact_id()")
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	wait()
	if err := s.recent.prune(t.Context(), s.pool); !waited || err != nil {
		t.Fatalf("waited %v, %v", waited, err)
	}
	wait() // not for the one that is open now, though it is older
	for i := range uint32(recentMax) {
		s.recent.add(1<<20 + i)
	}
	s.recent.add(3)
	waited = false
	if wait(); !waited {
		t.Error("what was too much to remember is not waited for")
	}
}

func TestSnapshotSees(t *testing.T) {
	snap, err := parseSnapshot("4294967290:4294967300:4294967290,4294967297")
	if err != nil {
		t.Fatal(err)
	}
	for xid, want := range map[uint32]bool{
		4294967289: true, 4294967290: false, 4294967291: true, // of the epoch before
		0: true, 1: false, 3: true, 4: false, 5: false, 1000: false,
	} {
		if got := snap.sees(snap.widen(xid)); got != want {
			t.Errorf("xid %d, widened to %d: visible %v, want %v", xid, snap.widen(xid), got, want)
		}
	}
	for _, text := range []string{"", "1", "1:2", "a:2:", "1:2:x", "1:b:"} {
		if _, err := parseSnapshot(text); err == nil {
			t.Errorf("%q is a snapshot", text)
		}
	}
}
