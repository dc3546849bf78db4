package doctor

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/weirsync/weir/cmd/internal/config"
)

// The room that is left is judged by the reserve that weir is configured to leave alone.
func TestDiskByItsReserve(t *testing.T) {
	dir := t.TempDir()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		t.Fatal(err)
	}
	free := config.Bytes(disk.Bavail) * config.Bytes(disk.Bsize)
	if free < 2*config.GiB {
		t.Skip("2 GiB of free disk are missing")
	}
	for _, c := range []struct {
		name    string
		reserve config.Bytes
		want    Level
	}{
		{"less than the reserve", free + config.GiB, Fault},
		{"little more than the reserve", free - config.GiB, Warning},
	} {
		var found Findings
		found.store(&config.Store{Path: filepath.Join(dir, "weir.db"), DiskReserve: c.reserve})
		if len(found) != 1 || found[0].Level != c.want || found[0].Code != CodeDisk || !strings.Contains(found[0].Hint, "make room") {
			t.Errorf("%s: %+v, want %s", c.name, found, c.want)
		}
	}
}
