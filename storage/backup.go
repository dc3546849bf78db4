package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// partSuffix is that of a backup until it is whole.
const partSuffix = ".part"

// backupMemo is in a copy that Backup made and in no other file: who opens one knows that it is older than what clients may have.
const backupMemo = "backup"

// CopyProgress is how far a copy of the file is.
type CopyProgress struct {
	Path  string // being written
	Bytes int64  // of Whole, about
	Whole int64
}

// CopyProgress tells how far CompactFile or Backup is; ok is false while neither runs.
func (db *DB) CopyProgress() (p CopyProgress, ok bool) {
	c := db.copying.Load()
	if c == nil {
		return p, false
	}
	whole := c.whole.Load()
	return CopyProgress{Path: c.path, Bytes: min(c.copied.Load(), whole), Whole: whole}, true
}

// Backup writes the store as it is at one moment near the end of the call to a new file at path, while others read and write. Before
// is the size of the store, After that of the backup. path appears when it is whole and on the disk, never before; a file that is there
// already is left alone (fs.ErrExist). When ctx ends, or on an error, nothing is left.
func (db *DB) Backup(ctx context.Context, path string) (stats FileStats, err error) {
	if !db.turn.TryLock() { // before anything is touched: the part may be that of the other one
		return stats, fmt.Errorf("back up store to %s: %w", path, ErrCopying)
	}
	defer db.turn.Unlock()
	if _, err := os.Lstat(path); err == nil {
		return stats, fmt.Errorf("back up store to %s: %w; choose a name that is free", path, fs.ErrExist)
	}
	if err := removeStale(path + partSuffix); err != nil {
		return stats, fmt.Errorf("back up store to %s: %w", path, err)
	}
	c, err := db.beginCopy(path + partSuffix)
	if err != nil {
		return stats, fmt.Errorf("back up store to %s: %w", path, err)
	}
	stats.Before = fileSize(db.path)
	if err = c.run(ctx, db); err == nil {
		stats.Paused, err = db.detach(c)
	}
	if err == nil {
		err = errors.Join(c.mark(time.Now()), c.to.Sync())
	}
	if err == nil {
		stats.After = fileSize(c.path)
		err = publishFile(c.path, path) // before its lock goes: see removeStale
	}
	if err != nil {
		return stats, errors.Join(fmt.Errorf("back up store to %s: %w", path, err), db.dropCopy(c))
	}
	return stats, c.to.Close()
}

// removeStale removes the part that a process left which died. One that is being written is locked by who writes it.
func removeStale(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%w: another backup may be writing it", &fs.PathError{Op: "lock", Path: path, Err: err})
	}
	return os.Remove(path)
}

// detach holds the writer until the copy has all that was written. Its fsync needs to hold nobody.
func (db *DB) detach(c *fileCopy) (paused time.Duration, err error) {
	db.writing.Lock()
	defer db.writing.Unlock()
	began := time.Now()
	if err := c.replay(); err != nil {
		return 0, err
	}
	db.endCopy()
	return time.Since(began), nil
}

// mark makes the copy known as one.
func (c *fileCopy) mark(now time.Time) error {
	return (&DB{bolt: c.to}).Update(func(tx *Tx) error { return tx.PutMemo(backupMemo, []byte(now.UTC().Format(time.RFC3339))) })
}

// publishFile gives a file its name, unless there is one with it by now. Where the disk has no links, that is found out only before.
func publishFile(part, path string) error {
	err := os.Link(part, path)
	switch {
	case errors.Is(err, fs.ErrExist):
		return err
	case err != nil:
		err = os.Rename(part, path)
	default:
		err = os.Remove(part)
	}
	if err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// BackedUp is when Backup made this file, and "" for a store that is no backup or was taken into use.
func (tx *Tx) BackedUp() string { return string(tx.Memo(backupMemo)) }

// Reuse takes a backup into use.
func (tx *Tx) Reuse() error { return tx.section(secMeta).Delete([]byte(memoPrefix + backupMemo)) }
