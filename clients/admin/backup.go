package admin

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/reply"
)

// Backup is what a backup came to.
type Backup struct {
	Store    int64   `json:"store_bytes"`
	Bytes    int64   `json:"bytes"` // of the backup: what is free in the store is not in it
	PausedMS float64 `json:"paused_ms"`
}

// BackupOf makes a Backup of figures of package buckets.
func BackupOf(stats buckets.FileStats) Backup {
	return Backup{Store: stats.Before, Bytes: stats.After, PausedMS: float64(stats.Paused) / float64(time.Millisecond)}
}

// openBackup writes the store to a new file on this machine: it never replaces one. It ends with the request.
func (s *Server) openBackup(r *http.Request) (action, error) {
	p, err := readParams(r)
	if err != nil {
		return nil, err
	}
	path := p.needText("path")
	return func(ctx context.Context) (any, error) {
		if !filepath.IsAbs(path) {
			return nil, backupFault(http.StatusBadRequest, "write an absolute path on the machine of weir")
		}
		stats, err := s.cfg.Store.Backup(ctx, path)
		var pathErr *fs.PathError
		switch {
		case errors.Is(err, buckets.ErrCopying):
			return nil, errCopying
		case errors.Is(err, fs.ErrExist):
			return nil, backupFault(http.StatusConflict, err.Error())
		case errors.As(err, &pathErr), buckets.IsNoSpace(err):
			return nil, backupFault(http.StatusInternalServerError, err.Error())
		}
		return BackupOf(stats), err
	}, p.err()
}

var errCopying = &reply.Error{
	Status: http.StatusConflict, Code: "WEIR_COMPACTING", Text: "The store file is being compacted or backed up already",
	Details: "weir status shows how far that is",
}

func backupFault(status int, details string) error {
	return &reply.Error{Status: status, Code: "WEIR_BACKUP", Text: "The backup can't be written", Details: details}
}
