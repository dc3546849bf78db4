package replicator

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestSecondWeirStandsBy: two weirs with the same slot never have it at once: the second one waits, says for whom, and takes over.
func TestSecondWeirStandsBy(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable)
	first, second := newWorld(t, d, itemRules, nil), newWorld(t, d, itemRules, nil)
	second.path = filepath.Join(t.TempDir(), "second.db")
	first.start()
	first.settle()
	second.start()
	second.until(func() bool { return second.source.Health().State == Standby && second.source.Health().Waiting != "" })
	if h := second.source.Health(); h.Connected || len(h.Faults) > 0 || !strings.Contains(h.Waiting, "another weir that has slot "+second.cfg.Slot) ||
		!strings.Contains(h.Waiting, "pid ") {
		t.Errorf("health of the weir that stands by: %+v", h)
	}
	d.Exec("UPDATE items SET v = 'with the first'")
	first.compare(itemTruth)
	if tables := second.store.Tables("default"); len(tables) > 0 {
		t.Errorf("the weir that stands by tracks %d tables", len(tables))
	}
	first.stop()
	d.Exec("UPDATE items SET v = 'with the second' WHERE id < 9")
	second.compare(itemTruth)

	// The first one's store does not know what the second one's slot has confirmed: everything is read again.
	second.stop()
	d.Exec("DELETE FROM items WHERE id = 3")
	first.start()
	first.until(func() bool { return first.store.Tables("default")[0].Generation == 2 })
	first.compare(itemTruth)
}

// TestHoldBreaks: a weir whose lock is gone does not go on as if it had it.
func TestHoldBreaks(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable)
	w := newWorld(t, d, itemRules, nil)
	w.start()
	w.settle()
	since := w.source.Health().Since
	d.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'weir " + w.cfg.Slot + " hold'")
	w.until(func() bool { h := w.source.Health(); return h.State == Streaming && h.Since.After(since) })
	d.Exec("UPDATE items SET v = 'again'")
	w.compare(itemTruth)
}

// TestHostileSettings: what a role's sessions are set to does not break ours.
func TestHostileSettings(t *testing.T) {
	server := pgtest.StartServer(t, pgtest.Options{})
	d := pgtest.NewOn(t, server)
	d.Exec(itemTable)
	d.Exec("CREATE ROLE hostile SUPERUSER LOGIN")
	settings := map[string]string{
		"statement_timeout": "60ms", "lock_timeout": "1ms", "idle_in_transaction_session_timeout": "60ms", "idle_session_timeout": "60ms",
		"default_transaction_read_only": "on", "default_transaction_isolation": "serializable", "search_path": "nowhere", "datestyle": "German, DMY",
		"standard_conforming_strings": "off", "bytea_output": "escape", "timezone": "Asia/Kathmandu", "extra_float_digits": "-10",
		"synchronous_commit": "off", "client_encoding": "LATIN1", "intervalstyle": "iso_8601", "enable_tidscan": "off",
	}
	if server.Version() >= 17 {
		settings["transaction_timeout"] = "60ms"
	}
	for name, value := range settings {
		d.Exec("ALTER ROLE hostile SET " + name + " = '" + value + "'")
	}
	longer := func(than time.Duration) {
		eventually(t, d, "SELECT clock_timestamp() > $1::timestamptz + $2::interval", d.Value("SELECT clock_timestamp()"), than.String())
	}
	sleeper := d.Connect(t)
	w := newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.URI = withUser(t, d.URI(), "hostile", "")
		cfg.hooks.chunkChecked = func(ctx context.Context, _ *buckets.Relation) { // longer in a transaction than any of the timeouts
			if _, err := sleeper.Exec(ctx, "SELECT pg_sleep(0.2)"); err != nil {
				t.Error(err)
			}
		}
	})
	w.start()
	w.compare(itemTruth)
	pid := d.Value("SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1", w.cfg.Slot)
	longer(200 * time.Millisecond)
	d.Exec(`UPDATE items SET v = E'back\\slash \u00e9 \u4e16' WHERE id < 4`)
	w.compare(itemTruth)
	if got := d.Value("SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1", w.cfg.Slot); got != pid {
		t.Errorf("the slot's reader is %s, was %s: a timeout ended it", got, pid)
	}
}
