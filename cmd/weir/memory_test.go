package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/replicator/pgtest"
)

const (
	memoryLimit  = 16 // MiB
	memoryMargin = 96 // MiB, beside the limit
	wideRows     = 60 // of a MiB each, in each table
)

const wideSchema = `
CREATE TABLE ends (id int PRIMARY KEY);
CREATE TABLE wide1 (id int PRIMARY KEY, n int, body text, owner text DEFAULT 'someone else');
CREATE TABLE wide2 (LIKE wide1 INCLUDING ALL);
CREATE TABLE wide3 (LIKE wide1 INCLUDING ALL);`

const wideRules = `
bucket_definitions:
  all:
    data:
      - SELECT id FROM ends
  mine:
    parameters: SELECT request.user_id() AS owner
    data:
      - SELECT id, n, body FROM wide1 WHERE owner = bucket.owner
      - SELECT id, n, body FROM wide2 WHERE owner = bucket.owner
      - SELECT id, n, body FROM wide3 WHERE owner = bucket.owner
`

// TestMemory: snapshots of wide rows by several workers, and then a transaction of several times the limit, stay in bounded memory (I14).
func TestMemory(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("this system does not tell how much memory a process has")
	}
	t.Setenv("GOMEMLIMIT", "") // would be an operator's, who knows better
	db := pgtest.New(t)
	db.Exec(wideSchema)
	for i := 1; i <= 3; i++ {
		db.Exec(fmt.Sprintf(`INSERT INTO wide%d SELECT i, 0, repeat(md5(i::text), 32768) FROM generate_series(1, %d) i`, i, wideRows))
	}
	p := newProcess(t, db, wideRules)
	p.program = build(t)
	p.configure(fmt.Sprintf("snapshot: {concurrent: true, workers: 4, memory_limit: %dMiB, chunk_bytes: 4MiB}\n", memoryLimit))
	p.start()
	ctx, stop := context.WithCancel(t.Context())
	peak := make(chan int64, 1)
	go func() { peak <- peakMemory(ctx, p.cmd.Process.Pid) }()
	db.Exec("INSERT INTO ends VALUES (1)")
	p.sync(ended("1"))
	db.Exec(`BEGIN; UPDATE wide1 SET n = 1, body = body || 'x'; UPDATE wide2 SET n = 1, body = body || 'x'; INSERT INTO ends VALUES (2); COMMIT`)
	p.sync(ended("2"))
	stop()
	got := <-peak >> 20
	t.Logf("peak RssAnon %d MiB", got)
	if got == 0 || got > memoryLimit+memoryMargin {
		t.Errorf("peak RssAnon is %d MiB, want at most %d + %d", got, memoryLimit, memoryMargin)
	}
	p.stop()
}

// ended tells whether a client has a row of table ends. It has no other rows.
func ended(id string) func(*syncclient.Client) bool {
	return func(c *syncclient.Client) bool {
		return slices.ContainsFunc(c.Rows("ends"), func(r syncclient.Row) bool { return r.ID == id })
	}
}

// build builds weir as it is released: the race detector's memory would count too.
func build(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "weir")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build weir: %v\n%s", err, out)
	}
	return program
}

// peakMemory looks at how much memory of its own a process has in RAM until ctx ends.
func peakMemory(ctx context.Context, pid int) (peak int64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		_, rest, _ := strings.Cut(string(status), "RssAnon:")
		var kib int64
		if _, scanned := fmt.Sscan(rest, &kib); err == nil && scanned == nil {
			peak = max(peak, kib<<10)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return peak
		}
	}
}
