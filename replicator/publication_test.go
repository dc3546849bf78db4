package replicator

import (
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
)

// TestAddTableDoesNotQueue: while somebody else has a table locked, weir stands in the queue for its lock for moments only, and not in
// between: whoever wants the table next would wait behind it. It adds the table once it can.
func TestAddTableDoesNotQueue(t *testing.T) {
	d := pgtest.New(t)
	d.Exec("CREATE TABLE items (id int PRIMARY KEY)")
	s := connected(t, newConfig(d))
	if err := createPublication(t.Context(), s.pool, s.cfg.Publication, s.sv, false); err != nil {
		t.Fatal(err)
	}
	other := d.Connect(t)
	execOn(t, other, "BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
	added := make(chan error, 1)
	go func() { added <- addTable(t.Context(), s.pool, s.cfg.Publication, "public", "items") }()
	const queued = `EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'items'::regclass)`
	for range 2 {
		eventually(t, d, "SELECT "+queued)
		eventually(t, d, "SELECT NOT "+queued)
	}
	execOn(t, other, "COMMIT")
	if err := <-added; err != nil {
		t.Fatal(err)
	}
	if n := d.Value("SELECT count(*) FROM pg_publication_tables WHERE pubname = $1", s.cfg.Publication); n != "1" {
		t.Errorf("the publication has %s tables, want 1", n)
	}
}
