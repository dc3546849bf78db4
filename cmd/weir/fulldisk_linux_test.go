package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/replicator/pgtest"
)

// smallDisk mounts a file system of some megabytes until the end of the test.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("file systems can't be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fill writes a file until the disk has left bytes.
func fill(t *testing.T, path string, left int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for {
		var disk syscall.Statfs_t
		if err := syscall.Fstatfs(int(f.Fd()), &disk); err != nil {
			t.Fatal(err)
		}
		if int64(disk.Bavail)*disk.Bsize <= left {
			return
		}
		if _, err := f.Write(block); err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// TestFullDisk: with a reserve weir stops before the disk is full; without one it meets the end of the disk in the middle of a write. Either
// way clients are served what there is, operators are told, nothing is acknowledged that is not stored, and it goes on by itself.
func TestFullDisk(t *testing.T) {
	for name, c := range map[string]struct {
		reserve string
		left    int64
	}{"before": {"16MiB", 8 << 20}, "in a write": {"0", 0}} {
		t.Run(name, func(t *testing.T) {
			disk := smallDisk(t)
			db := pgtest.New(t)
			db.Exec("CREATE TABLE items (id text PRIMARY KEY, n text); INSERT INTO items SELECT i, 'x' FROM generate_series(1, 100) i")
			p := newProcess(t, db, "bucket_definitions:\n  all:\n    data:\n      - SELECT * FROM items\n")
			p.env = []string{"WEIR_STORE_PATH=" + filepath.Join(disk, "weir.db"), "WEIR_STORE_DISK_RESERVE=" + c.reserve}
			if err := os.Symlink(filepath.Join(disk, "weir.db"), filepath.Join(p.dir, "weir.db")); err != nil { // where it is checked at the end
				t.Fatal(err)
			}
			has := func(n int) func(*syncclient.Client) bool {
				return func(c *syncclient.Client) bool { return len(c.Rows("items")) == n }
			}
			p.start()
			p.sync(has(100))
			filler := filepath.Join(disk, "filler")
			fill(t, filler, c.left)
			db.Exec(`INSERT INTO items SELECT i, (SELECT string_agg(md5(i || ' ' || j), '') FROM generate_series(1, 100) j)
				FROM generate_series(101, 3000) i`)
			committed := db.Value("SELECT pg_current_wal_lsn()")
			p.awaitStore(t, func(s *admin.StoreStatus) bool { return s.Full && strings.Contains(s.Hint, "make room") })
			p.sync(has(100))
			if !strings.Contains(p.log.String(), "the disk is full: nothing is stored") {
				t.Error("the log does not say it")
			}
			if status, body := p.get(t, "/probes/readiness"); status != 200 || !strings.Contains(body, "store: the disk is full") {
				t.Errorf("readiness: %d %s", status, body)
			}
			if status, body := p.get(t, "/probes/liveness"); status != 200 {
				t.Errorf("liveness: %d %s", status, body)
			}
			if status, body := p.get(t, "/metrics"); status != 200 || !strings.Contains(body, "\nweir_store_disk_full 1\n") ||
				!strings.Contains(body, "\nweir_ready 1\n") || !strings.Contains(body, "\nweir_store_failed 0\n") {
				t.Errorf("metrics: %d %s", status, body)
			}
			if acked := db.Value("SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn >= $1::text::pg_lsn AND slot_name = $2",
				committed, "weir_"+db.Name); acked != "0" {
				t.Errorf("a transaction that ends at %s is acknowledged and not stored", committed)
			}

			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			p.sync(has(3000))
			p.awaitStore(t, func(s *admin.StoreStatus) bool { return !s.Full })
			p.stop()
			if got := strings.Contains(p.log.String(), "the store is opened again"); got != (c.left == 0) {
				t.Errorf("opened again: %t", got)
			}
		})
	}
}

// awaitStore waits until the status of the store is as ok wants it.
func (p *process) awaitStore(t *testing.T, ok func(*admin.StoreStatus) bool) {
	t.Helper()
	for deadline := time.Now().Add(watchTimeout); ; time.Sleep(20 * time.Millisecond) {
		s := p.overview(t)
		if ok(&s.Store) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not reached: %+v", s.Store)
		}
	}
}
