package replicator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/weirsync/weir/buckets"
)

// Policy says what to do when the stream can't continue where the store stands (I13).
type Policy string

// Policies.
const (
	Resnapshot Policy = "resnapshot" // read all tables again under a new slot; old data is served meanwhile
	Stop       Policy = "stop"       // Run returns the fault
)

// Defaults of Config.
const (
	WorkersDefault     = 4
	MemoryLimitDefault = 256 << 20
	ChunkBytesDefault  = 8 << 20
	CatalogPollDefault = 30 * time.Second
)

// Config describes one source. Zero values mean the defaults.
type Config struct {
	Name        string // of the source; "default"
	URI         string // postgres://...; its password is never logged
	PrimaryURI  string // of the primary, if URI is a standby's; "": URI is the primary's
	Slot        string // name; created if missing
	Publication string // name; created if missing, unless it is Manual
	Manual      bool   // somebody else creates and alters the publication; weir says what it lacks
	Snapshot    SnapshotConfig
	OnLost      Policy        // Resnapshot
	CatalogPoll time.Duration // at most this long until DDL without DML is noticed; CatalogPollDefault
	Logger      *slog.Logger  // discards by default

	hooks hooks
}

// SnapshotConfig tunes snapshots.
type SnapshotConfig struct {
	Concurrent  bool  // stream while snapshotting, several chunks at a time
	Workers     int   // chunks in flight, from the start of their reading until they are durable, in concurrent mode
	MemoryLimit int64 // bytes of all chunks in flight
	ChunkBytes  int64 // bytes of one chunk, about
}

// hooks are places where tests hold or break things. All may be nil.
type hooks struct {
	chunkChecked func(ctx context.Context, rel *buckets.Relation)           // between a chunk's check and its COPY
	chunkRead    func(ctx context.Context, rel *buckets.Relation, rows int) // after its COMMIT, before it is saved
	received     func(tx *buckets.Transaction)                              // before a transaction is handed to the store
	planning     func(ctx context.Context)                                  // before the catalog is read
	step         func(name string, table buckets.TableID)                   // something is about to happen; table 0: to the source
}

// Steps in the order in which a source and a table go through them.
const (
	stepSlot      = "slot"       // about to be created
	stepSlotMade  = "slot made"  // the store does not know it yet
	stepSlotKnown = "slot known" // nothing has been read
	stepMarker    = "marker"     // about to be awaited, before a generation begins
	stepBegin     = "begin"      // the generation has begun, its Barrier was not taken
	stepChunks    = "chunks"     // the Barrier was taken, nothing has been read
	stepSaved     = "saved"      // a chunk is durable
	stepRepair    = "repair"     // partial rows are listed, the Barrier for them was not taken
	stepReread    = "re-read"    // they were read and are not saved
	stepFence     = "fence"      // the marker was not emitted
	stepFenced    = "fenced"     // it was
)

var nameForm = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)

func (c *Config) fill() {
	if c.Name == "" {
		c.Name = "default"
	}
	if c.OnLost == "" {
		c.OnLost = Resnapshot
	}
	if c.CatalogPoll <= 0 {
		c.CatalogPoll = CatalogPollDefault
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Snapshot.fill()
}

// fill keeps the sum of the chunks in flight under the limit, whatever was configured (I14).
func (c *SnapshotConfig) fill() {
	if c.Workers <= 0 {
		c.Workers = WorkersDefault
	}
	if !c.Concurrent {
		c.Workers = 3 // of one table: a chunk is read, the one before it prepared, the one before that saved
	}
	if c.MemoryLimit <= 0 {
		c.MemoryLimit = MemoryLimitDefault
	}
	if c.ChunkBytes <= 0 {
		c.ChunkBytes = ChunkBytesDefault
	}
	c.ChunkBytes = min(c.ChunkBytes, c.MemoryLimit)
}

// tables is how many tables are read at a time.
func (c *SnapshotConfig) tables() int {
	if !c.Concurrent {
		return 1
	}
	return c.Workers
}

// stageMax is how much of one open transaction is held in memory at most. What is larger is staged in the store.
const stageMax = 16 << 20

func (c *SnapshotConfig) stageBytes() int { return int(min(stageMax, c.MemoryLimit/4)) }

// Validate reports every fault of the values themselves. It does not connect.
func (c *Config) Validate() error {
	var errs []error
	if _, err := parseURI(c.URI); err != nil {
		errs = append(errs, err)
	}
	if c.viaStandby() {
		errs = append(errs, c.validateStandby())
	}
	if !nameForm.MatchString(c.Slot) {
		errs = append(errs, fmt.Errorf("slot %q: want 1 to 63 of a-z, 0-9 and _", c.Slot))
	}
	if c.Publication == "" || len(c.Publication) > 63 {
		errs = append(errs, fmt.Errorf("publication %q: want 1 to 63 bytes", c.Publication))
	}
	if c.OnLost != "" && c.OnLost != Resnapshot && c.OnLost != Stop {
		errs = append(errs, fmt.Errorf("on lost %q: want %q or %q", c.OnLost, Resnapshot, Stop))
	}
	return errors.Join(errs...)
}

func (c *Config) validateStandby() error {
	if _, err := parseURI(c.PrimaryURI); err != nil {
		return fmt.Errorf("primary %w", err)
	}
	if cfg, err := parseURI(c.URI); err == nil && severalHosts(cfg) {
		return errors.New("uri names several hosts: beside a primary uri, want one standby")
	}
	return nil
}
