package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
)

// A bbolt file never shrinks. CompactFile copies what is in use to a new file and puts that in the place of the old one, while the
// store is read and written; Backup (backup.go) makes the copy a file of its own:
//
//	copy piece by piece, each a short read transaction
//	  ──► replay what was written meanwhile
//	    ──► hold the writer: replay the rest, fsync, rename, fsync the folder
//
// bbolt's own Compact and Tx.WriteTo copy in one read transaction. That would pin all pages that are freed meanwhile, and a writer that has to
// grow its memory map waits for the end of all read transactions. So pieces are copied as of different moments, and every change since the
// first one is noted and replayed in order: what a piece has too old is overwritten, what it has too new is written once more.

const (
	copySuffix = ".compact"
	copyPiece  = 4 << 20  // bytes that one read transaction copies
	copyRest   = 1 << 20  // bytes of changes that are few enough to hold the writer for
	copyLag    = 32 << 20 // bytes of changes at which the writer replays them itself
	copyRounds = 20       // replays before the writer is held in any case
	copyFill   = 0.95     // of a page: keys come in order
)

// ErrCopying is returned while the file is being copied already.
var ErrCopying = errors.New("the store file is being compacted or backed up already")

// FileStats is what CompactFile came to.
type FileStats struct {
	Before, After int64         // size of the file in bytes
	Paused        time.Duration // for how long the writer was held
}

// change is a write to one key.
type change struct {
	section    string
	key, value []byte
	gone       bool
}

// fileCopy is a copy under way. Its methods take a nil one for none.
type fileCopy struct {
	path string
	to   *bolt.DB

	copied, whole atomic.Int64 // bytes of keys and values; of whole, about

	applying sync.Mutex // held while to is written: a piece must not be read before and written after a newer change

	mu      sync.Mutex // guards what follows
	changes []change   // not in to yet
	bytes   int
	failed  error // why the copy can't be completed: nothing is noted any more
}

// CompactFile gives space that is not in use back to the disk, while others read and write. There must be room for the copy beside the
// file. When ctx ends, or on an error, the file is as it was.
func (db *DB) CompactFile(ctx context.Context) (stats FileStats, err error) {
	if !db.turn.TryLock() {
		return stats, fmt.Errorf("compact store file: %w", ErrCopying)
	}
	defer db.turn.Unlock()
	c, err := db.beginCopy(db.path + copySuffix)
	if err != nil {
		return stats, fmt.Errorf("compact store file: %w", err)
	}
	stats.Before = fileSize(db.path)
	var old *bolt.DB
	if err = c.run(ctx, db); err == nil {
		old, stats.Paused, err = db.exchange(c)
	}
	if err != nil {
		return stats, errors.Join(fmt.Errorf("compact store file: %w", err), db.dropCopy(c))
	}
	_ = old.Close() // waits for its readers; it has no name any more
	stats.After = fileSize(db.path)
	return stats, nil
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// beginCopy opens the new file, if there is room for it. From here on changes are noted. The caller holds turn.
func (db *DB) beginCopy(path string) (*fileCopy, error) {
	db.writing.Lock()
	defer db.writing.Unlock()
	space, err := db.Space()
	if err != nil {
		return nil, err
	}
	used := space.Bytes - space.Free*space.PageSize
	if room, err := roomAt(filepath.Dir(path)); err == nil && room < used {
		return nil, fmt.Errorf("the disk of %s has %d MiB left and the copy needs up to %d: %w", path, room>>20, used>>20, syscall.ENOSPC)
	}
	to, err := openBolt(path, false)
	if err != nil {
		return nil, err
	}
	to.NoSync = true // until it is whole
	to.AllocSize = copyPiece / 4
	db.copy = &fileCopy{path: path, to: to}
	db.copy.whole.Store(used)
	db.copying.Store(db.copy)
	return db.copy, nil
}

// endCopy has no more changes noted. The caller holds writing.
func (db *DB) endCopy() {
	db.copy = nil
	db.copying.Store(nil)
}

// dropCopy gives up.
func (db *DB) dropCopy(c *fileCopy) error {
	db.writing.Lock()
	db.endCopy()
	db.writing.Unlock()
	err := os.Remove(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(c.to.Close(), err)
}

// run copies everything, and most of what is written meanwhile.
func (c *fileCopy) run(ctx context.Context, db *DB) error {
	for _, name := range sections {
		for next := []byte(nil); ; {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			if next, err = c.piece(db, name, next); err != nil {
				return err
			}
			if err := c.replay(); err != nil {
				return err
			}
			if next == nil {
				break
			}
		}
	}
	for range copyRounds {
		if err := errors.Join(c.to.Sync(), c.replay(), ctx.Err()); err != nil {
			return err
		}
		if c.lag() < copyRest {
			break
		}
	}
	return nil
}

// piece copies what follows in a section, and returns where the next piece begins: nil at the end.
func (c *fileCopy) piece(db *DB, name string, from []byte) (next []byte, err error) {
	c.applying.Lock()
	defer c.applying.Unlock()
	err = db.View(func(tx *Tx) error {
		return c.to.Update(func(to *bolt.Tx) error {
			b, err := to.CreateBucketIfNotExists([]byte(name))
			if err != nil {
				return err
			}
			b.FillPercent = copyFill
			cursor, size := tx.section(name).Cursor(), 0
			for k, v := cursor.Seek(from); k != nil; k, v = cursor.Next() {
				if size += len(k) + len(v); size > copyPiece && next != nil {
					return nil
				}
				if err := b.Put(k, v); err != nil {
					return err
				}
				c.copied.Add(int64(len(k) + len(v)))
				next = append(bytes.Clone(k), 0)
			}
			next = nil
			return nil
		})
	})
	return next, err
}

// note keeps the changes of an update that is durable.
func (c *fileCopy) note(changes []change) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return
	}
	c.changes = append(c.changes, changes...)
	for i := range changes {
		c.bytes += len(changes[i].key) + len(changes[i].value)
	}
}

func (c *fileCopy) lag() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// relieve is called by the writer, so that it can't outrun the copy (I14). A copy that can't be written is no fault of the store: the
// writer goes on without it.
func (c *fileCopy) relieve() {
	if c == nil || c.lag() < copyLag {
		return
	}
	if err := c.replay(); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.failed, c.changes, c.bytes = err, nil, 0
	}
}

// replay writes the noted changes to the copy.
func (c *fileCopy) replay() error {
	c.applying.Lock()
	defer c.applying.Unlock()
	c.mu.Lock()
	changes, failed := c.changes, c.failed
	c.changes, c.bytes = nil, 0
	c.mu.Unlock()
	if failed != nil || len(changes) == 0 {
		return failed
	}
	return c.to.Update(func(tx *bolt.Tx) error {
		for i := range changes {
			ch := &changes[i]
			b, err := tx.CreateBucketIfNotExists([]byte(ch.section))
			if err != nil {
				return err
			}
			if ch.gone {
				err = b.Delete(ch.key)
			} else {
				err = b.Put(ch.key, ch.value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// exchange holds the writer and puts the copy in the place of the file, which it returns: read transactions that have begun end on it.
func (db *DB) exchange(c *fileCopy) (old *bolt.DB, paused time.Duration, err error) {
	db.writing.Lock()
	defer db.writing.Unlock()
	began := time.Now()
	if err := errors.Join(c.replay(), c.to.Sync()); err != nil {
		return nil, 0, err
	}
	if err := os.Rename(c.path, db.path); err != nil {
		return nil, 0, err
	}
	// What is written next must not be lost together with the new name (I2).
	if err := syncFolder(filepath.Dir(db.path)); err != nil {
		db.broken = fmt.Errorf("the store file was exchanged, but its folder can't be synced: %w", err)
	}
	db.endCopy()
	db.mu.Lock()
	old, db.bolt = db.bolt, c.to
	db.mu.Unlock()
	c.to.NoSync, c.to.AllocSize = old.NoSync, old.AllocSize
	return old, time.Since(began), nil
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
