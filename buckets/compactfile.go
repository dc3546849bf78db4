package buckets

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/weirsync/weir/storage"
)

// FileStats is what the compaction of the store file came to.
type FileStats = storage.FileStats

// ErrCopying is returned while the store file is being compacted already.
var ErrCopying = storage.ErrCopying

// CompactFile gives space that is not in use back to the disk, while the store is read and written. There must be room for a copy of what
// is in use. When ctx ends, or on an error, the file is as it was.
func (s *Store) CompactFile(ctx context.Context) (FileStats, error) { return s.db.CompactFile(ctx) }

// Backup writes the store as it is now to a new file at path, while it is read and written. path must not exist.
func (s *Store) Backup(ctx context.Context, path string) (FileStats, error) {
	return s.db.Backup(ctx, path)
}

// CopyProgress tells how far CompactFile or Backup is; ok is false while neither runs.
func (s *Store) CopyProgress() (storage.CopyProgress, bool) { return s.db.CopyProgress() }

// BackupOffline writes a store file that no process has open to a new file.
func BackupOffline(ctx context.Context, store, path string) (stats FileStats, err error) {
	if _, err := os.Stat(store); err != nil { // storage would make a new one
		return stats, fmt.Errorf("back up store: %w", err)
	}
	db, err := storage.Open(store, storage.Counters{})
	if err != nil {
		return stats, err
	}
	stats, err = db.Backup(ctx, path)
	return stats, errors.Join(err, db.Close())
}

// CompactOffline compacts every bucket of a store file that no process has open, and the file if that is wanted.
func CompactOffline(ctx context.Context, path string, file bool) (stats CompactStats, fileStats FileStats, err error) {
	if _, err := os.Stat(path); err != nil { // storage would make a new one
		return stats, fileStats, fmt.Errorf("compact store: %w", err)
	}
	db, err := storage.Open(path, storage.Counters{})
	if err != nil {
		return stats, fileStats, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s := &Store{db: db}
	s.opts.Compact.fill()
	s.compactor = newCompactor(func(_ context.Context, fn func(*batch) error) error {
		return db.Update(func(tx *storage.Tx) error {
			b, err := s.newBatch(tx)
			if err != nil {
				return err
			}
			return fn(b)
		})
	})
	if stats, err = s.Compact(ctx); err == nil && file {
		fileStats, err = db.CompactFile(ctx)
	}
	return stats, fileStats, err
}
