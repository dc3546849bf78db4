package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/weirsync/weir/buckets"
)

// Replication is what brings the databases here. Its errors are *reply.Error where the sender is to learn of them.
type Replication interface {
	// Status describes each source, in the order of the configuration. It asks no database.
	Status() []SourceStatus
	// Resnapshot does what a request says to a table's snapshot.
	Resnapshot(ctx context.Context, r ResnapshotRequest) ([]ResnapshotTable, error)
}

// Overview is how a weir is.
type Overview struct {
	Sources  []SourceStatus `json:"sources"`
	Versions []Version      `json:"versions"` // that live: deploying, active, retiring; newest first
	Memory   MemoryStatus   `json:"memory"`
	Store    StoreStatus    `json:"store"`
}

// StoreStatus is the store's file and its disk.
type StoreStatus struct {
	Bytes    int64       `json:"bytes"`           // of the file
	Free     int64       `json:"free_bytes"`      // of it, for new data
	DiskFree int64       `json:"disk_free_bytes"` // as last looked at
	Reserve  int64       `json:"disk_reserve_bytes"`
	Full     bool        `json:"disk_full"` // nothing is stored until there is room
	Since    *time.Time  `json:"disk_full_since,omitempty"`
	Hint     string      `json:"hint,omitempty"`
	Copy     *CopyStatus `json:"copy,omitempty"`
}

// CopyStatus is how far a backup or a compaction of the file is.
type CopyStatus struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	Whole int64  `json:"of_bytes"`
}

func (s *Server) storeStatus() StoreStatus {
	disk := s.cfg.Store.Disk()
	out := StoreStatus{DiskFree: disk.Free, Reserve: disk.Reserve, Full: disk.Full}
	if disk.Full {
		out.Since, out.Hint = &disk.Since, buckets.DiskHint
	}
	if st, err := s.cfg.Store.Stats(); err == nil {
		out.Bytes, out.Free = st.Space.Bytes, st.Space.Free*st.Space.PageSize
	}
	if c, ok := s.cfg.Store.CopyProgress(); ok {
		out.Copy = &CopyStatus{Path: c.Path, Bytes: c.Bytes, Whole: c.Whole}
	}
	return out
}

// MemoryStatus is the process's memory.
type MemoryStatus struct {
	Used          int64 `json:"used_bytes"`           // that the process has from the system, the store's file apart
	Limit         int64 `json:"limit_bytes"`          // that garbage is collected to stay below: GOMEMLIMIT, or what the snapshots' limit makes it
	SnapshotLimit int64 `json:"snapshot_limit_bytes"` // snapshot.memory_limit: what is read and not stored yet
}

// SourceStatus is how a source is.
type SourceStatus struct {
	Name       string        `json:"name"`
	State      string        `json:"state"`
	Since      time.Time     `json:"since"`
	Waiting    string        `json:"waiting,omitempty"`
	Faults     []Fault       `json:"faults,omitempty"`
	Warnings   []Fault       `json:"warnings,omitempty"`
	Position   string        `json:"position"` // of the stream, durable
	Head       string        `json:"head"`     // end of the server's WAL, as last heard
	LagBytes   int64         `json:"lag_bytes"`
	LagSeconds float64       `json:"lag_seconds"` // for which the server's WAL has ended behind position
	Slot       SlotStatus    `json:"slot"`
	Tables     []TableStatus `json:"tables"`
}

// Fault is something to be mended.
type Fault struct {
	Code    string `json:"code"` // the section of the failure handbook
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// SlotStatus is what the server keeps for the slot.
type SlotStatus struct {
	Name      string     `json:"name"`
	WALStatus string     `json:"wal_status,omitempty"`
	Safe      *int64     `json:"safe_bytes,omitempty"`   // that can be written until the slot may be lost; absent: no limit
	Budget    *int64     `json:"budget_bytes,omitempty"` // as the server is configured; absent: none
	Checked   *time.Time `json:"checked,omitempty"`
}

// TableStatus is how far a tracked table is.
type TableStatus struct {
	ID         uint32   `json:"id"`
	Schema     string   `json:"schema"`
	Name       string   `json:"name"`
	Generation uint32   `json:"generation"`
	Phase      string   `json:"phase"`     // waiting, reading, copying (of what the store has of it already), settling, done
	Rows       int64    `json:"rows"`      // read in this generation
	Estimated  int64    `json:"estimated"` // of the whole table; 0 if unknown
	Bytes      int64    `json:"bytes"`     // read in this generation by this process
	Rate       float64  `json:"rows_per_second"`
	Left       *float64 `json:"eta_seconds,omitempty"`
	FenceBytes *int64   `json:"fence_bytes,omitempty"` // that the stream has to go until the table is done
	Partial    int      `json:"partial_rows,omitempty"`
	Waiting    string   `json:"waiting,omitempty"`
	Paused     bool     `json:"paused,omitempty"`
	Asked      bool     `json:"asked,omitempty"`  // somebody asked for this generation
	Failed     string   `json:"failed,omitempty"` // why a resnapshot that somebody asked for was given up
}

// openOverview shows how everything is.
func (s *Server) openOverview(*http.Request) (action, error) {
	return func(context.Context) (any, error) {
		status := Overview{Sources: s.cfg.Replication.Status(), Versions: []Version{}, Memory: s.cfg.Memory(), Store: s.storeStatus()}
		for _, v := range s.cfg.Store.Versions() {
			if v.Program != nil {
				status.Versions = append(status.Versions, VersionOf(&v))
			}
		}
		return status, nil
	}, nil
}
