package buckets

import (
	"context"
	"log/slog"
	"time"

	"github.com/weirsync/weir/syncrules"
)

// Options of a Store. Zero values mean the defaults named.
type Options struct {
	Logger     *slog.Logger     // discards by default
	Now        func() time.Time // time.Now
	QueueBytes int              // bound of the writer's queue, 64 MiB
	Sources    []string         // names of the configured sources, ["default"]
}

// Store is a checkpoint store: one writer, many readers. All methods are safe for concurrent use.
type Store struct{}

// Open opens the store file at path, or creates it. The file stays locked against other processes until Close.
func Open(path string, opts Options) (*Store, error) { panic("skeleton") }

// Run is the writer. It returns when ctx ends, after everything queued has been committed, or with the error that stopped the
// store. Writes block until it runs.
func (s *Store) Run(ctx context.Context) error { panic("skeleton") }

// Close closes the file. Run must have returned.
func (s *Store) Close() error { panic("skeleton") }

// VersionState is where a rules version stands.
type VersionState string

// States of a version.
const (
	Deploying VersionState = "deploying"
	Active    VersionState = "active"
	Retiring  VersionState = "retiring"
	Removed   VersionState = "removed"
	Failed    VersionState = "failed"
)

// Version is a deployed rules text.
type Version struct {
	ID      VersionID
	State   VersionState
	Text    string
	Note    string
	Reason  string // why it failed
	Created time.Time
	Changed time.Time // of State
	Program *syncrules.Program
}

// Versions lists the versions, newest first.
func (s *Store) Versions() []Version { panic("skeleton") }

// Deploy makes text the next version and returns it. A text of the same meaning as the newest live version changes nothing and
// returns that one (I11). Faults are returned as Diagnostics that are fatal.
func (s *Store) Deploy(ctx context.Context, text, note string) (Version, syncrules.Diagnostics, error) {
	panic("skeleton")
}
