package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/weirsync/weir/buckets"
)

// Compaction is what a compaction came to.
type Compaction struct {
	Buckets int64           `json:"buckets"` // that it changed
	Moved   int64           `json:"moved"`   // operations whose data was dropped
	Dropped int64           `json:"dropped"` // operations that are gone
	Blocks  int64           `json:"blocks"`  // fewer than before
	Bytes   int64           `json:"bytes"`   // set free in the file
	File    *FileCompaction `json:"file,omitempty"`
}

// FileCompaction is what the compaction of the file came to.
type FileCompaction struct {
	Before   int64   `json:"before"` // bytes
	After    int64   `json:"after"`
	PausedMS float64 `json:"paused_ms"` // for how long commits had to wait
}

// CompactionOf puts figures of package buckets together. file is nil if the file was left as it is.
func CompactionOf(stats buckets.CompactStats, file *buckets.FileStats) Compaction {
	c := Compaction{Buckets: stats.Buckets, Moved: stats.Moved, Dropped: stats.Dropped, Blocks: stats.Blocks, Bytes: stats.Bytes}
	if file != nil {
		c.File = &FileCompaction{Before: file.Before, After: file.After, PausedMS: float64(file.Paused) / float64(time.Millisecond)}
	}
	return c
}

// openCompact compacts the store. It ends with the request.
func (s *Server) openCompact(r *http.Request) (action, error) {
	p, err := readParams(r)
	if err != nil {
		return nil, err
	}
	file := p.boolean("file")
	if err := p.err(); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (any, error) {
		stats, err := s.cfg.Store.Compact(ctx)
		if err != nil || !file {
			return CompactionOf(stats, nil), err
		}
		fileStats, err := s.cfg.Store.CompactFile(ctx)
		if errors.Is(err, buckets.ErrCopying) {
			return nil, errCopying
		}
		return CompactionOf(stats, &fileStats), err
	}, nil
}
