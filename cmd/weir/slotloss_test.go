package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestSlotLossStops: with on_slot_loss: stop a source without its slot is left alone and says why, and clients are served what there is
// until the operator decides.
func TestSlotLossStops(t *testing.T) {
	const policy = "WEIR_SOURCES_0_ON_SLOT_LOSS"
	db := pgtest.New(t)
	db.Exec("CREATE TABLE items (id text PRIMARY KEY, n int); INSERT INTO items SELECT i, i FROM generate_series(1, 100) i")
	p := newProcess(t, db, "bucket_definitions:\n  all:\n    data:\n      - SELECT * FROM items\n")
	has := func(n int) func(*syncclient.Client) bool {
		return func(c *syncclient.Client) bool { return len(c.Rows("items")) == n }
	}
	p.start()
	p.sync(has(100))
	p.stop()
	db.Exec("SELECT pg_drop_replication_slot('weir_" + db.Name + "'); DELETE FROM items WHERE id = '1'")

	t.Setenv(policy, "stop")
	p.start()
	p.awaitSource(t, "default", func(s *admin.SourceStatus) bool {
		return s.State == "stopped" && len(s.Faults) == 1 && strings.Contains(s.Faults[0].Message, "slot weir_"+db.Name+" is gone")
	})
	p.sync(has(100))
	if got := db.Value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1", "weir_"+db.Name); got != "0" {
		t.Errorf("%s slots, though nobody said that weir may make one", got)
	}
	answer, err := http.Get(p.endpoint + "/probes/readiness")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("readiness while old data is served: %s", answer.Status)
	}
	watchStatus(t, p, `state="stopped"`)
	p.stop()

	t.Setenv(policy, "resnapshot")
	p.start()
	p.sync(has(99))
	p.stop()
}

// watchStatus has weir status --watch until it has shown something twice.
func watchStatus(t *testing.T, p *process, what string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, faults syncBuffer
	ended := make(chan int)
	go func() {
		ended <- run(ctx, []string{"status", "--watch", "--config", p.config()}, strings.NewReader(""), &out, &faults)
	}()
	for deadline := time.Now().Add(watchTimeout); strings.Count(out.String(), what) < 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("status --watch: %s%s, want %s again and again", &out, &faults, what)
			break
		}
	}
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("status --watch ended with exit %d: %s", code, &faults)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("status --watch has escape sequences where there is no terminal")
	}
}
