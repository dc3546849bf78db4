package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/weirsync/weir/cmd/internal/config"
)

const subjectStore = "store"

// Space that a store should have to grow into, beside its reserve.
const (
	spaceWanted = 5 * config.GiB
	spaceMin    = 16 * config.MiB
)

func (f *Findings) store(cfg *config.Store) {
	dir := filepath.Dir(cfg.Path)
	if err := writable(dir, cfg.Path); err != nil {
		f.fault(CodeStore, subjectStore, err.Error(), "create the folder and give it to the user that weir runs as, or name another store.path")
		return
	}
	f.space(dir, cfg.DiskReserve)
}

// writable tries what weir will do, and leaves nothing behind.
func writable(dir, path string) error {
	probe, err := os.CreateTemp(dir, ".weir-doctor-*")
	if err != nil {
		return err
	}
	err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // weir makes it
	}
	if err != nil {
		return err
	}
	return file.Close()
}

// space compares the room on the disk with the reserve, below which weir stores nothing.
func (f *Findings) space(dir string, reserve config.Bytes) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		f.warn(CodeDisk, subjectStore, fmt.Sprintf("how much room %s has can't be told: %v", dir, err), "see df")
		return
	}
	free := config.Bytes(disk.Bavail) * config.Bytes(disk.Bsize)
	message := fmt.Sprintf("the disk of %s has %.1f GiB left, of which %.1f are kept free", dir, gibibytes(free), gibibytes(reserve))
	const hint = "make room, or move the store (stop weir, move the file, change store.path); weir compact --file makes it smaller"
	switch {
	case free < reserve+spaceMin:
		f.fault(CodeDisk, subjectStore, message+": nothing can be stored", hint)
	case free < reserve+spaceWanted:
		f.warn(CodeDisk, subjectStore, message, hint)
	default:
		f.ok(subjectStore, message)
	}
}

func gibibytes(n config.Bytes) float64 { return float64(n) / float64(config.GiB) }
