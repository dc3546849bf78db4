package pgserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	scratchPattern = "weir-postgres-"
	ownerFile      = "owner.lock"
	// settleTime is the age below which a folder without a locked owner file
	// may be one that is just being made.
	settleTime = time.Minute
)

// openDir returns the folder for a cluster and what gives it back: dir itself,
// or if that is empty a new temporary folder.
func openDir(dir string, acc account) (string, func() error, error) {
	if dir == "" {
		return scratch(acc)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", nil, err
	}
	if err := acc.own(dir); err != nil {
		return "", nil, err
	}
	return dir, func() error { return nil }, nil
}

// scratch makes a temporary folder. As long as its maker lives, it holds a
// lock on the owner file in it: so that others can tell what is left behind.
func scratch(acc account) (string, func() error, error) {
	sweep()
	dir, err := os.MkdirTemp("", scratchPattern)
	if err != nil {
		return "", nil, err
	}
	lock, err := lockFile(filepath.Join(dir, ownerFile), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = acc.own(dir)
	}
	release := func() error { return errors.Join(os.RemoveAll(dir), lock.Close()) }
	if err != nil {
		return "", nil, errors.Join(err, release())
	}
	return dir, release, nil
}

// sweep removes the folders of callers that died. Those of other users stay:
// their owner file cannot be opened.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), scratchPattern+"*")) // the pattern is well-formed
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < settleTime {
			continue
		}
		lock, err := lockFile(filepath.Join(dir, ownerFile), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != nil {
			continue
		}
		_ = os.RemoveAll(dir) // the next sweep tries again
		_ = lock.Close()
	}
}

// lockFile opens (or makes) and locks a file. Closing it unlocks it.
func lockFile(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}
