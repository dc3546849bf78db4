package buckets

import (
	"context"
	"errors"

	"github.com/weirsync/weir/syncrules"
)

// Phase of a tracked table's current generation.
type Phase uint8

// Phases, in order. Only a Done table without partial rows lets checkpoints through (I9).
const (
	Registered Phase = iota // known, no generation begun
	Chunking                // chunks are being read
	Repairing               // chunk phase over; partial rows may have to be re-read, then a fence
	Done                    // fence passed
)

// Table is a tracked table: a relation together with the definitions that are snapshotted with it. A snapshot of its state,
// immutable.
type Table struct {
	ID          TableID
	Source      string
	Relation    *Relation
	Definitions []DefinitionID
	Generation  Generation
	Phase       Phase
	Partials    int    // rows with unknown values that must be re-read
	Rows        int64  // rows stored by chunks of this generation
	Progress    []byte // what the last SaveChunk left, opaque to the store; nil at the beginning of a generation
}

// Definition is a definition that a live version needs.
type Definition struct {
	ID    DefinitionID
	Rules *syncrules.Definition
}

// Definitions lists what the live versions (active and deploying) need, without repetition.
func (s *Store) Definitions() []Definition { panic("skeleton") }

// Tables lists the tracked tables of a source, by id.
func (s *Store) Tables(source string) []Table { panic("skeleton") }

// Changed returns a channel that is closed at the next change of Definitions, of a table's Phase, or when a table gets its
// first partial row: whoever drives snapshots calls Changed, looks, then waits.
func (s *Store) Changed() <-chan struct{} { panic("skeleton") }

// Track declares that rel is a table of source. Definitions that read it and have no tracked table for it yet get one, in phase
// Registered; existing ones are left alone. It reports the tables of rel that now exist. Idempotent.
func (s *Store) Track(ctx context.Context, source string, rel *Relation) ([]Table, error) {
	panic("skeleton")
}

// Planned declares that every relation of source that defs read has been tracked. A version becomes active when
// all its definitions are planned for every source and all its tables are Done.
func (s *Store) Planned(ctx context.Context, source string, defs []DefinitionID) error { panic("skeleton") }

// BeginGeneration starts the next snapshot of a table (architecture 5.3b): from the position at which it is applied, streamed rows
// are marked touched in it. rel is the table's current description. The caller then takes the Barrier, then reads chunks.
func (s *Store) BeginGeneration(ctx context.Context, id TableID, rel *Relation) (Generation, error) {
	panic("skeleton")
}

// ErrStaleGeneration is returned for work of a generation, or of a chunk phase, that is over: the table began another
// generation, was truncated, or is no longer tracked. The caller looks at Tables again.
var ErrStaleGeneration = errors.New("the table's chunk phase is over")

// Chunk is a part of a table read in one short transaction whose commit has returned (architecture 5.4).
type Chunk struct {
	Table      TableID
	Generation Generation
	Relation   *Relation
	Rows       []Tuple // complete rows; they belong to the store afterwards
	Bytes      int     // memory that Rows hold, about
	Progress   []byte  // stored with the rows in one bbolt update (I6)
	Last       bool    // no chunk follows: the table goes on to Repairing
}

// SaveChunk stores a chunk under the rule that the stream wins (I8) and returns when it is durable.
func (s *Store) SaveChunk(ctx context.Context, c *Chunk) error { panic("skeleton") }

// Partials returns keys (key columns set, others nil) of up to limit rows that have unknown values.
func (s *Store) Partials(ctx context.Context, id TableID, limit int) ([]Tuple, error) { panic("skeleton") }

// Applied returns the source's stream position that the writer has applied so far. The Barrier's start is measured with it (5.6).
func (s *Store) Applied(source string) Position { panic("skeleton") }

// Reread is the answer to a re-read of partial rows by key.
type Reread struct {
	Table      TableID
	Generation Generation
	Relation   *Relation
	Started    Position // Applied(source) at the moment when the Barrier started
	Keys       []Tuple  // what was asked for
	Rows       []Tuple  // complete rows found
}

// SaveReread completes partial rows with what a re-read brought; rows that became partial after Started stay so.
func (s *Store) SaveReread(ctx context.Context, r *Reread) error { panic("skeleton") }

// Fence announces a marker that is about to be emitted for a table in phase Repairing, and waits until the stream has brought it (a
// transactional message with prefix "weir" and nonce as content). If no row is partial then, the table is Done; if some are, it
// returns done=false and the caller re-reads and fences again. Generation over: ErrStaleGeneration.
func (s *Store) Fence(ctx context.Context, id TableID, gen Generation, nonce string, emit func(context.Context) error) (done bool, err error) {
	panic("skeleton")
}

// AwaitMarker calls emit and returns once the stream has brought the transactional message with content nonce and it is applied.
func (s *Store) AwaitMarker(ctx context.Context, source, nonce string, emit func(context.Context) error) error {
	panic("skeleton")
}
