package replicator

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weirsync/weir/buckets"
)

// TestStandbyBehind: the standby stops replaying before the Barrier. What was committed before that and is not replayed there is neither
// missed nor taken for gone: no chunk is read before it is.
func TestStandbyBehind(t *testing.T) {
	p := newPair(t, itemTable)
	var resumed atomic.Bool
	var once sync.Once
	begun, behind := make(chan struct{}), make(chan struct{})
	w := p.world(t, func(cfg *Config) {
		cfg.Snapshot = SnapshotConfig{Concurrent: true}
		cfg.hooks.step = func(name string, table buckets.TableID) {
			if name == stepBegin && table != 0 {
				once.Do(func() {
					close(begun)
					<-behind
				})
			}
		}
		cfg.hooks.chunkChecked = func(context.Context, *buckets.Relation) {
			if !resumed.Load() {
				t.Error("a chunk is read from a standby that is behind the Barrier")
			}
		}
	})
	w.start()
	<-begun // and the Barrier was not taken: the standby falls behind what is committed from here on
	p.standby.Value("SELECT pg_wal_replay_pause()::text")
	p.Exec("INSERT INTO items SELECT g, 'behind', NULL FROM generate_series(100, 140) g; DELETE FROM items WHERE id < 5")
	close(behind)
	w.until(func() bool { return strings.Contains(w.source.Health().Waiting, "the standby, which has replayed") })
	resumed.Store(true)
	p.standby.Value("SELECT pg_wal_replay_resume()::text")
	w.compare(itemTruth)
}

// TestStandbyRestarted: the stream goes on at a standby that was killed, though it comes back behind what the store has.
func TestStandbyRestarted(t *testing.T) {
	p := newPair(t, itemTable)
	w := p.world(t, nil)
	w.start()
	w.compare(itemTruth)
	for i := range 3 {
		p.Exec(fmt.Sprintf("UPDATE items SET v = 'round %d' WHERE id < 9", i))
		w.compare(itemTruth)
		if err := p.standby.Server.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.Exec(fmt.Sprintf("INSERT INTO items VALUES (%d, 'while it was away', NULL)", 100+i))
		if err := p.standby.Server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.compare(itemTruth)
	}
	if gen := w.store.Tables("default")[0].Generation; gen != 1 {
		t.Errorf("generation %d, want 1: nothing was lost", gen)
	}
}

// TestStandbyPromoted: nothing of the new timeline is stored while the configuration names another primary. Without it the stream goes on at
// the promoted server, and nothing is read again.
func TestStandbyPromoted(t *testing.T) {
	p := newPair(t, itemTable)
	w := p.world(t, nil)
	w.start()
	w.compare(itemTruth)
	if got := p.standby.Value("SELECT pg_promote()"); got != "t" {
		t.Fatalf("promote: %s", got)
	}
	p.standby.Exec("UPDATE items SET v = 'on the new timeline' WHERE id < 9")
	w.until(func() bool { return strings.Contains(w.source.Health().Faults.Error(), "is no standby") })
	for id, row := range w.rows() {
		if row["v"] == "on the new timeline" {
			t.Errorf("%s is of the new timeline", id)
		}
	}
	w.stop()
	w.db, w.cfg.PrimaryURI = p.standby, ""
	w.start()
	w.compare(itemTruth)
	if table := w.store.Tables("default")[0]; table.Generation != 1 {
		t.Errorf("generation %d, want 1: nothing was lost", table.Generation)
	}
}

// TestStandbyConflict: a chunk that is in the way of the standby's replay is cancelled there, and read again.
func TestStandbyConflict(t *testing.T) {
	p := newPair(t, itemTable)
	p.standby.Exec("ALTER SYSTEM SET max_standby_streaming_delay = '50ms'")
	p.standby.Exec("SELECT pg_reload_conf()")
	var once sync.Once
	reading, cancelled := make(chan struct{}), make(chan struct{})
	w := p.world(t, func(cfg *Config) {
		cfg.hooks.chunkChecked = func(context.Context, *buckets.Relation) {
			once.Do(func() {
				close(reading)
				<-cancelled
			})
		}
	})
	w.start()
	<-reading
	p.Exec("ALTER TABLE items ALTER v SET DEFAULT 'later'; INSERT INTO items (id) VALUES (99)") // whose replay needs the chunk's lock
	w.until(func() bool {
		return p.standby.Value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '% snapshot' AND state LIKE 'idle in%'") == "0"
	})
	close(cancelled)
	w.compare(itemTruth)
	if gen := w.store.Tables("default")[0].Generation; gen != 1 {
		t.Errorf("generation %d, want 1: the chunk was to be read again, not the table", gen)
	}
}

// TestStandbyFollowsAnother: the primary fails over, and the standby follows the new one: the stream goes on, and nothing is read again.
func TestStandbyFollowsAnother(t *testing.T) {
	p := newPair(t, itemTable)
	next := p.another(t, "next")
	w := p.world(t, func(cfg *Config) {
		old := fmt.Sprintf("127.0.0.1:%d", p.Server.Port())
		cfg.PrimaryURI = strings.Replace(cfg.PrimaryURI, old, fmt.Sprintf("%s,127.0.0.1:%d", old, next.Server.Port()), 1) +
			"&target_session_attrs=read-write"
	})
	w.start()
	w.compare(itemTruth)
	p.Exec("UPDATE items SET v = 'the last of the old one' WHERE id < 5")
	if err := p.Server.Stop(t.Context()); err != nil { // its standbys get all that it has
		t.Fatal(err)
	}
	w.until(func() bool { return len(w.source.Health().Faults) > 0 })
	if got := next.Value("SELECT pg_promote()"); got != "t" {
		t.Fatalf("promote: %s", got)
	}
	next.Query("SELECT pg_create_physical_replication_slot('standby', true)")
	next.Exec("UPDATE items SET v = 'the first of the new one' WHERE id > 35")
	p.standby.Exec("ALTER SYSTEM SET primary_conninfo = '" + conninfo(next.Server) + "'")
	p.standby.Exec("SELECT pg_reload_conf()")
	w.db = next
	w.compare(itemTruth)
	if gen := w.store.Tables("default")[0].Generation; gen != 1 {
		t.Errorf("generation %d, want 1: nothing was lost", gen)
	}
	if state, _ := w.store.Source("default"); state.Timeline != 2 {
		t.Errorf("the store has timeline %d, want 2", state.Timeline)
	}
}
