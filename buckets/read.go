package buckets

import (
	"context"
	"errors"

	"github.com/weirsync/weir/syncrules"
)

// ErrNoVersion is returned while no rules version is active.
var ErrNoVersion = errors.New("no rules version is active")

// View is a consistent cut: one short bbolt read transaction, and everything in it as of its checkpoint (I4). Valid only inside the
// function that View was called with.
type View struct{}

// View runs fn over the newest checkpoint. It must not block in fn: an open read transaction pins freed pages.
// ErrNoVersion while there is nothing to serve.
func (s *Store) View(fn func(*View) error) error { panic("skeleton") }

// Checkpoint is the op id up to which everything is visible.
func (v *View) Checkpoint() OpID { panic("skeleton") }

// Version is the active version. Its Program resolves requests.
func (v *View) Version() *Version { panic("skeleton") }

// Bucket is one of a client's buckets as of the view's checkpoint.
type Bucket struct {
	syncrules.ResolvedBucket
	FullName string // as clients know it: <definition id>#<name>
	Checksum uint32 // sum of the op checksums mod 2^32
	Count    int64  // ops in its history
	Last     OpID   // its newest op at the checkpoint, 0 if it has none
}

// Resolution is a request's answer with the state of each bucket.
type Resolution struct {
	Buckets          []Bucket // ordered by FullName
	Streams          []syncrules.ResolvedStream
	ParameterResults int
	Lookups          []string // what the answer depends on, for Subscription.Watch
}

// Resolve runs r's lookups as of the checkpoint and reads the state of the buckets. A resolver belongs to the program of one
// version: ask Version again when it changed.
func (v *View) Resolve(r *syncrules.Resolver) (*Resolution, error) { panic("skeleton") }

// BucketOp is the kind of an operation.
type BucketOp uint8

// Kinds of operation.
const (
	Put BucketOp = iota + 1
	Remove
	Move
	Clear
)

// Operation is one entry of a bucket's history. Its byte slices are valid only during the visit.
type Operation struct {
	ID       OpID
	Op       BucketOp
	Checksum uint32
	Type     []byte // output table; empty for Move and Clear
	ObjectID []byte
	Subkey   []byte
	Data     []byte // JSON text; only for Put
}

// Operations visits the bucket's operations with after < id <= upto in ascending order until visit returns false. more tells whether
// operations up to upto are left. upto must not be above Checkpoint (I4). superseded is true if
// an operation was compacted with a target above upto: then no complete line may be sent for upto (protocol 4.4).
func (v *View) Operations(bucket string, after, upto OpID, visit func(*Operation) bool) (more, superseded bool, err error) {
	panic("skeleton")
}

// WriteCheckpoint returns the newest write checkpoint of key that the source positions of this view have passed.
func (v *View) WriteCheckpoint(key string) (id int64, ok bool) { panic("skeleton") }

// NextWriteCheckpoint allocates the next number for key (first 1): it is reached when each source has been applied up to its
// position in heads. Durable when it returns. The caller then emits markers on the sources (protocol 3.9).
func (s *Store) NextWriteCheckpoint(ctx context.Context, key string, heads map[string]Position) (int64, error) {
	panic("skeleton")
}

// RequestWriteCheckpoint stores max(stored, id) for key and returns it; heads replace the stored ones only if it grew. reached
// tells whether it has been passed already.
func (s *Store) RequestWriteCheckpoint(ctx context.Context, key string, id int64, heads map[string]Position) (stored int64, reached bool, err error) {
	panic("skeleton")
}

// Subscription wakes one session when a checkpoint concerns it. Close it.
type Subscription struct{}

// Subscribe makes a subscription that watches nothing but versions.
func (s *Store) Subscribe() *Subscription { panic("skeleton") }

// Watch replaces what the subscription waits for: full bucket names, lookups (Resolution.Lookups) and a write checkpoint key ("" for
// none). Changes published after the View from which they were taken are not missed if Watch is called
// before that View, or if the caller looks at View once more after Watch.
func (sub *Subscription) Watch(buckets, lookups []string, key string) { panic("skeleton") }

// Wake says why a subscription was woken.
type Wake struct {
	All     bool     // anything may have changed (new version, many buckets at once)
	Lookups bool     // a watched lookup changed: resolve again
	Write   bool     // the watched write checkpoint was reached
	Buckets []string // watched buckets that have new operations
}

// Wait returns at the next published checkpoint that concerns the subscription since the last Wait, or when ctx ends. Several
// checkpoints are folded into one Wake; nothing is queued per checkpoint.
func (sub *Subscription) Wait(ctx context.Context) (Wake, error) { panic("skeleton") }

// Close ends the subscription.
func (sub *Subscription) Close() { panic("skeleton") }
