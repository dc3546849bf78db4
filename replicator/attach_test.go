package replicator

import (
	"context"
	"testing"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestReconnectBehindABusyStore: what an earlier connection handed over belongs to where the store stands, also if it has not been
// written yet: it must not come behind the comparison with the server, nor be asked for again.
func TestReconnectBehindABusyStore(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(itemTable)
	w := newWorld(t, d, itemRules, nil)
	w.start()
	w.settle()
	w.stop()
	store, err := buckets.Open(w.path, buckets.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	d.Exec("CREATE TABLE other ()") // some WAL
	end := store.Durable("default") + 8
	if err := store.Apply(ctx, &buckets.Transaction{Source: "default", End: end}); err != nil {
		t.Fatal(err)
	}
	s := New(w.cfg, store)
	if err := s.openPools(); err != nil {
		t.Fatal(err)
	}
	defer s.closePools()
	type opened struct {
		l   *link
		err error
	}
	links := make(chan opened)
	go func() {
		l, err := s.open(ctx)
		links <- opened{l, err}
	}()
	eventually(t, d, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'walsender' AND datname = current_database())")
	writing, stop := context.WithCancel(ctx)
	written := make(chan error)
	go func() { written <- store.Run(writing) }()
	got := <-links
	stop()
	if err := <-written; err != nil {
		t.Error(err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	if got.err != nil {
		t.Fatal(got.err)
	}
	got.l.close()
	if got.l.start != end {
		t.Errorf("the stream starts at %s, the store has been given everything up to %s", got.l.start, end)
	}
}
