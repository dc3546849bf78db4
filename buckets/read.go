package buckets

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/weirsync/weir/storage"
	"github.com/weirsync/weir/syncrules"
)

// ErrNoVersion is returned while no rules version is active.
var ErrNoVersion = errors.New("no rules version is active")

// View is a consistent cut: one short bbolt read transaction, and everything in it as of its checkpoint (I4). Valid only inside the
// function that View was called with.
type View struct {
	tx      *storage.Tx
	cp      storage.Checkpoint
	byRules map[*syncrules.Definition]*definition
	public  Version // of the checkpoint, as it was when the view began
}

// errOutdated says that a view began before its version was replaced, and looked for it afterwards.
var errOutdated = errors.New("the view is of a version that has gone")

// View runs fn over the newest checkpoint. It must not block in fn: an open read transaction pins freed pages.
// ErrNoVersion while there is nothing to serve.
func (s *Store) View(fn func(*View) error) error {
	for {
		err := s.db.View(func(tx *storage.Tx) error {
			v, err := s.view(tx)
			if err != nil {
				return err
			}
			return fn(v)
		})
		if !errors.Is(err, errOutdated) {
			return err
		}
	}
}

func (s *Store) view(tx *storage.Tx) (*View, error) {
	cp, err := tx.Checkpoint()
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	v := s.catalog.version(cp.Version)
	switch {
	case v == nil:
		return nil, s.unpublished()
	case v.Program == nil: // the update that ended it is durable
		return nil, errOutdated
	}
	return &View{tx: tx, cp: cp, byRules: v.byRules, public: v.Version}, nil
}

// Checkpoint is the op id up to which everything is visible.
func (v *View) Checkpoint() OpID { return v.cp.Op }

// Position is how far a source is part of the checkpoint.
func (v *View) Position(source string) Position { return v.cp.Positions[source] }

// Version is the version of the checkpoint. Its Program resolves requests.
func (v *View) Version() *Version { return &v.public }

// Bucket is one of a client's buckets as of the view's checkpoint.
type Bucket struct {
	syncrules.ResolvedBucket
	FullName string // as clients know it: <definition id>#<name>
	Checksum uint32 // sum of the op checksums mod 2^32
	Count    int64  // ops in its history
	Last     OpID   // its newest op at the checkpoint, 0 if it has none
}

// Resolution is a request's answer.
type Resolution struct {
	Buckets          []Bucket // ordered by FullName
	Streams          []syncrules.ResolvedStream
	ParameterResults int
	Lookups          []string // what the answer depends on, for Subscription.Watch
}

// Resolve returns the answer with the state of each bucket.
func (v *View) Resolve(r *syncrules.Resolver) (*Resolution, error) {
	out, err := v.Answer(r)
	if err != nil {
		return nil, err
	}
	for i := range out.Buckets {
		if err := v.State(&out.Buckets[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Answer runs r's lookups as of the checkpoint. The buckets that it returns have no state yet (State): a caller may know it already, or
// refuse so many. A resolver belongs to the program of one version: ask Version again when it changed.
func (v *View) Answer(r *syncrules.Resolver) (*Resolution, error) {
	out := &Resolution{}
	res, err := r.Resolve(func(rules *syncrules.Definition, lookup []byte) ([][]byte, error) {
		def, lookup := v.byRules[rules], lookupOf(lookup)
		out.Lookups = append(out.Lookups, lookupKey(def.id, lookup))
		var rows [][]byte
		err := v.tx.Params(def.id, lookup, v.cp.Op, func(values []byte) error {
			rows = append(rows, values)
			return nil
		})
		return rows, err
	})
	if err != nil {
		return nil, err
	}
	out.Streams, out.ParameterResults = res.Streams, res.ParameterResults
	out.Buckets = make([]Bucket, len(res.Buckets))
	for i, b := range res.Buckets {
		prefix := v.byRules[b.Definition].prefix
		full := prefix + b.Name
		b.Name = full[len(prefix):] // one text for both
		out.Buckets[i] = Bucket{ResolvedBucket: b, FullName: full}
	}
	slices.SortFunc(out.Buckets, func(x, y Bucket) int { return strings.Compare(x.FullName, y.FullName) })
	return out, nil
}

// State fills in the bucket's state at the checkpoint. Its cost does not depend on the bucket's size.
func (v *View) State(b *Bucket) error {
	b.Checksum, b.Count, b.Last = 0, 0, 0
	id, ok, err := v.bucketID(b.FullName)
	if err != nil || !ok {
		return err
	}
	state, err := v.tx.Bucket(id)
	if err != nil {
		return err
	}
	t := state.At(v.cp.Op)
	b.Checksum, b.Count, b.Last = t.Sum, t.Count, t.Last
	return nil
}

func (b *Bucket) tally() storage.Tally {
	return storage.Tally{Count: b.Count, Sum: b.Checksum, Last: b.Last}
}

func lookupKey(def DefinitionID, lookup []byte) string {
	return string(append(binary.BigEndian.AppendUint64(nil, uint64(def)), lookup...))
}

// BucketOp is the kind of an operation.
type BucketOp uint8

// Kinds of operation.
const (
	Put    = BucketOp(storage.OpPut)
	Remove = BucketOp(storage.OpRemove)
	Move   = BucketOp(storage.OpMove)
	Clear  = BucketOp(storage.OpClear)
)

// Operation is one entry of a bucket's history. Its byte slices are valid only during the visit.
type Operation struct {
	ID       OpID
	Op       BucketOp
	Checksum uint32
	Type     []byte // output table; empty for Move and Clear
	ObjectID []byte
	Subkey   []byte
	Data     []byte // JSON text, valid UTF-8; only for Put
}

func operation(op *storage.Op) Operation {
	return Operation{
		ID: op.ID, Op: BucketOp(op.Kind), Checksum: op.Checksum,
		Type: op.Type, ObjectID: op.ObjectID, Subkey: op.Subkey, Data: op.Data,
	}
}

// blockBuffers are what blocks are decompressed to. Each page of a download would make the collector's next cycle come 64 KiB nearer.
var blockBuffers = sync.Pool{New: func() any { return new([]byte) }}

// PageEnd returns where a page of the bucket's operations with after < id <= upto had best end: at the last one of a block, as far on as
// fits allows, which is told no less than the operations and bytes of the page. It returns 0 if there is no such place, or if all of them
// fit. It costs a look at each block's header.
func (v *View) PageEnd(bucket string, after, upto OpID, fits func(ops, bytes int) bool) (end OpID, err error) {
	id, ok, err := v.bucketID(bucket)
	if err != nil || !ok {
		return 0, err
	}
	ops, bytes, cut := 0, 0, false
	err = v.tx.BlocksUp(id, after+1, func(b *storage.StoredBlock) (bool, error) {
		h, err := b.Header()
		if err != nil || h.First > upto {
			return false, err
		}
		ops, bytes = ops+h.Count, bytes+int(h.Size)
		if cut = !fits(ops, bytes); cut {
			return false, nil
		}
		end = b.Last
		return end < upto, nil
	})
	if err != nil || !cut {
		return 0, err
	}
	return end, nil
}

// Operations visits the bucket's operations with after < id <= upto in ascending order until visit returns false, or up to end, if that
// is not 0 but what PageEnd returned. more tells whether operations up to upto are left. upto must not be above Checkpoint (I4). superseded
// is true if an operation may have been compacted because of one above upto: then no complete line may be sent for upto (protocol 4.4), and
// the newest checkpoint is above it.
func (v *View) Operations(bucket string, after, end, upto OpID, visit func(*Operation) bool) (more, superseded bool, err error) {
	id, ok, err := v.bucketID(bucket)
	if err != nil || !ok {
		return false, false, err
	}
	state, err := v.tx.Bucket(id)
	if err != nil {
		return false, false, err
	}
	buf := blockBuffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= 4*storage.BlockTarget {
			blockBuffers.Put(buf)
		}
	}()
	var out Operation
	stopped, compacted := false, false
	*buf, err = v.tx.Ops(id, after, *buf, func(op *storage.Op) bool {
		if stopped {
			more = op.ID <= upto
			return false
		}
		if op.ID > upto { // a CLEAR may have swallowed ops up to upto
			compacted = compacted || op.Kind == storage.OpClear
			return false
		}
		compacted = compacted || op.Kind == storage.OpMove || op.Kind == storage.OpClear
		out = operation(op)
		stopped = !visit(&out)
		more = op.ID == end // the block after need not be looked at
		return !more
	})
	return more, compacted && upto < state.Compaction.Target, err
}

// bucketID finds a bucket by its full name. A name of no definition of this store finds nothing.
func (v *View) bucketID(full string) (BucketID, bool, error) {
	def, name, ok := cutName(full)
	if !ok {
		return 0, false, nil
	}
	return v.tx.BucketID(def, []byte(name))
}

// WriteCheckpoint returns the newest write checkpoint of key that the source positions of this view have passed.
func (v *View) WriteCheckpoint(key string) (id int64, ok bool, err error) {
	w, ok, err := v.tx.WriteCheckpoint(key)
	if err != nil || !ok || !passed(v.cp.Positions, w.Heads) {
		return 0, false, err
	}
	return w.ID, true, nil
}
