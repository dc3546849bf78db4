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

// Space that a store should have to grow into.
const (
	spaceWanted = 5 * config.GiB
	spaceMin    = 256 * config.MiB
)

func (f *Findings) store(path string) {
	dir := filepath.Dir(path)
	if err := writable(dir, path); err != nil {
		f.fault(CodeStore, subjectStore, err.Error(), "create the folder and give it to the user that weir runs as, or name another store.path")
		return
	}
	f.space(dir)
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

func (f *Findings) space(dir string) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		f.warn(CodeDisk, subjectStore, fmt.Sprintf("how much room %s has can't be told: %v", dir, err), "see df")
		return
	}
	free := config.Bytes(disk.Bavail) * config.Bytes(disk.Bsize)
	message := fmt.Sprintf("the disk of %s has %.1f GiB left", dir, float64(free)/float64(config.GiB))
	const hint = "make room, or move the store (stop weir, move the file, change store.path); weir compact --file makes it smaller"
	switch {
	case free < spaceMin:
		f.fault(CodeDisk, subjectStore, message, hint)
	case free < spaceWanted:
		f.warn(CodeDisk, subjectStore, message, hint)
	default:
		f.ok(subjectStore, message)
	}
}
