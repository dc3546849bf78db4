package buckets

import (
	"time"

	"github.com/weirsync/weir/storage"
)

// The writer is the only one to change a bucket's state, so it need not read again what it wrote: where each row of a chunk is of another one
// of 30,000 buckets, that takes a quarter off a snapshot's processor time. A batch that fails ends the writer, so nothing is known of it.

const (
	knownBytes = 32 << 20        // of buckets that are kept
	knownRest  = 5 * time.Second // without a batch that writes to buckets, after which none are
	openBytes  = 272             // that a bucket takes, about, with its places in the maps, but without its name
)

// openBucket is a bucket that a batch uses.
type openBucket struct {
	id    BucketID
	state storage.Bucket
	def   *definition

	open   bool           // what follows is the batch's; before it is opened state may have to be folded
	block  *storage.Block // nil or not empty
	blocks []*blockPut
	fresh  bool
	dirty  bool
}

type bucketName struct {
	def  DefinitionID
	name string
}

// known are the buckets that the batch has open, and of those that batches before had as many as there is room for, with what the file has
// of them. Who changes that otherwise makes them forget it.
type known struct {
	byID   map[BucketID]*openBucket
	byName map[bucketName]*openBucket
	open   []*openBucket
	bytes  int
	limit  int
	used   time.Time
}

func newKnown() known { return known{limit: knownBytes}.empty() }

func (k known) empty() known {
	return known{byID: map[BucketID]*openBucket{}, byName: map[bucketName]*openBucket{}, limit: k.limit}
}

func (ob *openBucket) key() bucketName { return bucketName{ob.state.Definition, ob.state.Name} }

func (ob *openBucket) bytes() int { return openBytes + len(ob.state.Name) }

func (k *known) add(ob *openBucket) {
	k.byID[ob.id], k.byName[ob.key()] = ob, ob
	k.bytes += ob.bytes()
}

// forget lets go of a bucket that is not open: its state in the file is about to be another one.
func (k *known) forget(id BucketID) {
	if ob := k.byID[id]; ob != nil {
		delete(k.byID, id)
		delete(k.byName, ob.key())
		k.bytes -= ob.bytes()
	}
}

// close ends the use of the open buckets, whose states have been written, and keeps as many as there is room for.
func (k *known) close() {
	for _, ob := range k.open {
		ob.open, ob.block, ob.blocks, ob.fresh, ob.dirty = false, nil, nil, false, false
	}
	if len(k.open) > 0 {
		k.used = time.Now()
	}
	clear(k.open)
	k.open = k.open[:0]
	for id := range k.byID {
		if k.bytes <= k.limit {
			break
		}
		k.forget(id) // any: where all are used in turns, those used last are no better
	}
}

// rest lets go of all buckets when batches have not used any for a while.
func (k *known) rest() {
	if len(k.byID) > 0 && time.Since(k.used) > knownRest {
		*k = k.empty()
	}
}

// bucket returns the bucket of a definition by name, a new one if need be.
func (b *batch) bucket(def *definition, name []byte) (*openBucket, error) {
	k := &b.s.known
	if ob := k.byName[bucketName{def.id, string(name)}]; ob != nil {
		return b.open(ob), nil
	}
	id, ok, err := b.tx.BucketID(def.id, name)
	if err != nil {
		return nil, err
	}
	if ok {
		return b.bucketByID(id)
	}
	ob := &openBucket{id: b.counters.Bucket, def: def, fresh: true, state: storage.Bucket{Definition: def.id, Name: string(name)}}
	b.counters.Bucket++
	k.add(ob)
	return b.open(ob), nil
}

func (b *batch) bucketByID(id BucketID) (*openBucket, error) {
	if ob := b.s.known.byID[id]; ob != nil {
		return b.open(ob), nil
	}
	state, err := b.tx.Bucket(id)
	if err != nil {
		return nil, err
	}
	ob := &openBucket{id: id, state: state, def: b.s.catalog.definitions[state.Definition]}
	b.s.known.add(ob)
	return b.open(ob), nil
}

// open makes a known bucket one of the batch's.
func (b *batch) open(ob *openBucket) *openBucket {
	if !ob.open {
		ob.open = true
		ob.state.Fold(b.before.Op)
		b.s.known.open = append(b.s.known.open, ob)
	}
	return ob
}
