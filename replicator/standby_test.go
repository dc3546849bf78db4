package replicator

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestStandbyIsRefused: a standby has no markers (architecture 5.10), so weir neither reads nor streams from it and says where to go. Clients
// keep what there is, and once the server is promoted the stream goes on by itself.
func TestStandbyIsRefused(t *testing.T) {
	d := pgtest.NewOn(t, pgtest.StartServer(t, pgtest.Options{}))
	d.Exec(itemTable)
	w := newWorld(t, d, itemRules, nil)
	w.start()
	w.compare(itemTruth)
	before := w.rows()
	w.stop()
	if err := d.Server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	demote(t, d.Server.DataDir())
	if err := d.Server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.until(func() bool { return len(w.source.Health().Faults) > 0 })
	golden(t, "standby.txt", show(w.source.Health().Faults))
	if got := show(Examine(t.Context(), w.cfg, nil).Faults); got != show(w.source.Health().Faults) {
		t.Errorf("the doctor says:\n%s", got)
	}
	if len(before) == 0 || len(w.rows()) != len(before) {
		t.Errorf("clients see %d rows, want the %d from before", len(w.rows()), len(before))
	}
	if got := d.Value("SELECT pg_promote()"); got != "t" {
		t.Fatalf("promote: %s", got)
	}
	d.Exec("UPDATE items SET v = 'after the promotion' WHERE id < 9")
	w.compare(itemTruth)
	if table := w.store.Tables("default")[0]; table.Generation != 1 || table.Phase != buckets.Done {
		t.Errorf("generation %d, phase %v: nothing was to be read again", table.Generation, table.Phase)
	}
}

// TestPrimaryAmongHosts: of several hosts the one that takes writes is used on all connections, wherever it stands in the list.
func TestPrimaryAmongHosts(t *testing.T) {
	d := pgtest.NewOn(t, pgtest.StartServer(t, pgtest.Options{}))
	d.Exec(itemTable)
	copied := copyData(t, d.Server)
	standby := pgtest.StartServer(t, pgtest.Options{})
	restoreData(t, standby, copied)
	demote(t, standby.DataDir())
	if err := standby.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	host := fmt.Sprintf("127.0.0.1:%d", d.Server.Port())
	w := newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.URI = strings.Replace(d.URI(), host, fmt.Sprintf("127.0.0.1:%d,%s", standby.Port(), host), 1) + "&target_session_attrs=read-write"
	})
	w.start()
	w.compare(itemTruth)
	d.Exec("UPDATE items SET v = 'streamed' WHERE id < 9")
	w.compare(itemTruth)
}

// demote has the stopped server of a data folder start as a standby.
func demote(t *testing.T, data string) {
	t.Helper()
	copyAll(t, filepath.Join(data, "PG_VERSION"), filepath.Join(data, "standby.signal")) // any file of the right owner will do
}
