package main

import (
	"strings"
	"testing"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestSecondInstance: a second weir with the same slot stands by, says for whom, and takes over with its own store when the first dies;
// then the first one, started again, stands by.
func TestSecondInstance(t *testing.T) {
	db := pgtest.New(t)
	db.Exec("CREATE TABLE items (id text PRIMARY KEY, n int); INSERT INTO items SELECT i, i FROM generate_series(1, 100) i")
	const rules = "bucket_definitions:\n  all:\n    data:\n      - SELECT * FROM items\n"
	first, second := newProcess(t, db, rules), newProcess(t, db, rules)
	standsBy := func(s *admin.SourceStatus) bool {
		return s.State == "standing by" && strings.Contains(s.Waiting, "another weir that has slot weir_"+db.Name)
	}
	has := func(n int) func(*syncclient.Client) bool {
		return func(c *syncclient.Client) bool { return len(c.Rows("items")) == n }
	}
	first.start()
	first.sync(has(100))
	second.start()
	second.awaitSource(t, "default", standsBy)
	if code, out, faults := runCommand(t, "", "status", "--config", second.config()); code != exitOK || !strings.Contains(out, `waits_for="another weir`) {
		t.Errorf("status of the one that stands by: exit %d\n%s%s", code, out, faults)
	}
	const state = `weir_source_state{source="default",state="standing by"} 1`
	if status, body := second.get(t, "/metrics"); status != 200 || !strings.Contains(body, state) {
		t.Errorf("metrics of the one that stands by: %d %s", status, body)
	}
	first.kill()
	db.Exec("DELETE FROM items WHERE id = '1'")
	second.sync(has(99))
	first.start()
	first.awaitSource(t, "default", standsBy)
	first.sync(has(100)) // what it has is old, and served
	second.stop()
	first.sync(has(99))
	first.stop()
}
