package storage

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// Room is how many bytes the disk has left where the file is. A file that was grown and not written to yet has no room of its own, so
// what bbolt writes within its size counts, too.
func (db *DB) Room() (int64, error) { return roomAt(db.path) }

func roomAt(path string) (int64, error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(path, &disk); err != nil {
		return 0, fmt.Errorf("read room on the disk of %s: %w", path, err)
	}
	return int64(disk.Bavail) * int64(disk.Bsize), nil //nolint:unconvert // Bsize has another type on other systems
}

// noSpace are the errors of a file that can't grow: the disk is full, or a quota or limit is reached.
var noSpace = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}

// IsNoSpace reports whether err says that there is no room for a write. An Update that failed so has left the file as it was: bbolt
// writes its pages to places that are free, and the page that makes them count comes last.
func IsNoSpace(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	for _, code := range noSpace {
		if errors.Is(err, code) || strings.Contains(text, code.Error()) { // bbolt keeps the text only of an error of truncate and fsync
			return true
		}
	}
	return false
}
