package replicator

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestKeepaliveInATransaction: the server sends them inside transactions, too, with the position of the commit that has not come yet. To store
// that would be to lose the transaction if the connection breaks there (I2, postgres-facts 8).
func TestKeepaliveInATransaction(t *testing.T) {
	store, err := buckets.Open(filepath.Join(t.TempDir(), "weir.db"), buckets.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- store.Run(ctx) }()
	s := New(Config{}, store)
	st := &stream{s: s, asm: newAssembler(s.cfg.Name, knowing(knownRelation(7, "id", "v")), stageMax), reply: make(chan struct{}, 1)}
	data := func(message []byte) []byte { return wire('w', uint64(0), uint64(0), uint64(0), message) }
	keepalive := func(pos uint64) []byte { return wire('k', pos, uint64(0), byte(0)) }
	for _, c := range []struct {
		message []byte
		want    buckets.Position
	}{
		{keepalive(90), 90},
		{data(beginWire(100)), 90},
		{keepalive(100), 90},
		{data(relationWire(7, "id", "v")), 90},
		{data(insertWire(7, "1", "a")), 90},
		{keepalive(100), 90},
		{data(commitWire(100, 110)), 110},
		{keepalive(120), 120},
	} {
		if err := st.receive(ctx, c.message); err != nil {
			t.Fatalf("message %q: %v", c.message[0], err)
		}
		if err := store.Settle(ctx); err != nil {
			t.Fatal(err)
		}
		if got := store.Durable(s.cfg.Name); got != c.want {
			t.Errorf("behind message %q the store stands at %d, want %d", c.message[0], got, c.want)
		}
	}
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}

// TestNothingIsAcknowledgedBeforeItIsDurable: a transaction that is received, and one that is applied and not durable, stay the server's to keep,
// however many reports go out meanwhile: a crash then loses nothing (I2).
func TestNothingIsAcknowledgedBeforeItIsDurable(t *testing.T) {
	for _, at := range []string{"received", buckets.StepCommit} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			d := pgtest.NewOn(t, pgtest.StartServer(t, pgtest.Options{Settings: map[string]string{"wal_sender_timeout": "1s"}}))
			d.Exec(itemTable)
			var armed atomic.Bool
			held, goOn := make(chan struct{}), make(chan struct{})
			release := sync.OnceFunc(func() { close(goOn) })
			reach := func(name string) {
				if name == at && armed.CompareAndSwap(true, false) {
					close(held)
					<-goOn
				}
			}
			w := newWorld(t, d, itemRules, func(cfg *Config) { cfg.hooks.received = func(*buckets.Transaction) { reach("received") } })
			w.opts.Step = reach
			t.Cleanup(release) // before the world's own
			w.start()
			w.compare(itemTruth)
			armed.Store(true) // a keepalive may be held instead of the transaction, which then is behind it
			d.Exec("UPDATE items SET v = 'not durable'")
			end := d.Value("SELECT pg_current_wal_flush_lsn()")
			<-held
			for range 3 { // reports
				last := d.Value("SELECT reply_time FROM pg_stat_replication")
				eventually(t, d, "SELECT reply_time > $1::timestamptz FROM pg_stat_replication", last)
			}
			const within = "SELECT confirmed_flush_lsn < $2::pg_lsn FROM pg_replication_slots WHERE slot_name = $1"
			if d.Value(within, w.cfg.Slot, end) != "t" {
				t.Errorf("what ends at %s is acknowledged, and not durable", end)
			}
			release()
			w.compare(itemTruth)
			eventually(t, d, "SELECT confirmed_flush_lsn >= $2::pg_lsn FROM pg_replication_slots WHERE slot_name = $1", w.cfg.Slot, end)
		})
	}
}
