package replicator

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/weirsync/weir/buckets"
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
