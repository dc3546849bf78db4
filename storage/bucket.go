package storage

import (
	"crypto/sha256"
)

// Tally is a number of ops and the sum of their checksums mod 2^32.
type Tally struct {
	Count int64
	Sum   uint32
	Last  OpID // newest op, 0 if none
}

// Add counts an op.
func (t *Tally) Add(id OpID, checksum uint32) {
	t.Count++
	t.Sum += checksum
	t.Last = id
}

// Bucket is a bucket's state; doc.go says how Base and Pending go together.
type Bucket struct {
	Definition DefinitionID
	Name       string // without the definition's prefix
	Base       Tally
	Pending    Tally
	First      OpID // first op of Pending
	Compaction Compaction
}

// Compaction is how far a bucket is compacted, and what there is to gain. Stale and Small are estimates: nothing but the choice of
// when to compact depends on them.
type Compaction struct {
	Stale  int64 // PUTs that a later op of their key made superfluous, with their data still here
	Small  int64 // blocks that commits left below BlockTarget and that were not merged yet
	Target OpID  // no op was compacted because of one above it (I7)
	Done   OpID  // up to here no op makes another one superfluous
}

// At returns what a fresh client would get at checkpoint c, which must be the one that was published with, or after, the newest op of Base.
func (b *Bucket) At(c OpID) Tally {
	if b.Pending.Count == 0 || b.First > c {
		return b.Base
	}
	return Tally{Count: b.Base.Count + b.Pending.Count, Sum: b.Base.Sum + b.Pending.Sum, Last: b.Pending.Last}
}

// Fold moves a pending part that checkpoint c made visible to the base. It must be called before Add.
func (b *Bucket) Fold(c OpID) {
	b.Base = b.At(c)
	if b.Pending.Count > 0 && b.First <= c {
		b.Pending, b.First = Tally{}, 0
	}
}

// Add counts ops of one block as pending.
func (b *Bucket) Add(block *Block) {
	b.add(block.Count, block.Sum, block.First, block.Last, block.Full())
}

// AddPacked counts the ops of a block whose first has that id, each further one the next. loaded says that it goes into a load, so that
// compaction need not care for it.
func (b *Bucket) AddPacked(p *Packed, first OpID, loaded bool) {
	b.add(p.Count, p.Sum, first, first+OpID(p.Count)-1, p.Full || loaded)
}

func (b *Bucket) add(count int, sum uint32, first, last OpID, full bool) {
	if b.Pending.Count == 0 {
		b.First = first
	}
	b.Pending.Count += int64(count)
	b.Pending.Sum += sum
	b.Pending.Last = last
	if !full {
		b.Compaction.Small++
	}
}

// Gain takes what a compaction came to off the estimates.
func (c *Compaction) Gain(stale, small int64) {
	c.Stale, c.Small = max(c.Stale-stale, 0), max(c.Small-small, 0)
}

func (b *Bucket) encode() []byte {
	v := make([]byte, 0, 80+len(b.Name)) // as long as most are: growing takes longer than all else
	v = appendString(appendU64(v, uint64(b.Definition)), b.Name)
	v = appendTally(appendTally(v, b.Base), b.Pending)
	v = appendUvarint(v, uint64(b.First))
	c := &b.Compaction
	v = appendUvarint(appendUvarint(v, uint64(c.Stale)), uint64(c.Small))
	return appendUvarint(appendUvarint(v, uint64(c.Target)), uint64(c.Done))
}

func appendTally(v []byte, t Tally) []byte {
	v = appendU32(appendUvarint(v, uint64(t.Count)), t.Sum)
	return appendUvarint(v, uint64(t.Last))
}

func (d *decoder) tally() Tally {
	return Tally{Count: int64(d.uvarint()), Sum: d.u32(), Last: OpID(d.uvarint())}
}

func decodeBucket(k, v []byte) (Bucket, error) {
	d := decoder{b: v}
	b := Bucket{Definition: DefinitionID(d.u64()), Name: string(d.bytes()), Base: d.tally(), Pending: d.tally(), First: OpID(d.uvarint())}
	b.Compaction = Compaction{Stale: int64(d.uvarint()), Small: int64(d.uvarint()), Target: OpID(d.uvarint()), Done: OpID(d.uvarint())}
	if !d.done() {
		return b, corrupt(secBuckets, k, "bad bucket state")
	}
	return b, nil
}

// nameMax is the longest name that stands in a key as it is; longer ones are hashed.
const nameMax = 256

func nameKey(def DefinitionID, name []byte) []byte {
	k := appendU64(make([]byte, 0, 8+len(name)), uint64(def))
	if len(name) <= nameMax {
		return append(k, name...)
	}
	h := sha256.Sum256(name)
	return append(append(k, 0xff), h[:]...) // 0xff is in no UTF-8 text
}

// BucketID returns the id of the bucket of definition def called name (without prefix).
func (tx *Tx) BucketID(def DefinitionID, name []byte) (BucketID, bool, error) {
	k := nameKey(def, name)
	v := tx.section(secNames).Get(k)
	if v == nil {
		return 0, false, nil
	}
	if len(v) != 8 {
		return 0, false, corrupt(secNames, k, "bad bucket id")
	}
	return BucketID(key64(v)), true, nil
}

// PutName files a new bucket under its name.
func (tx *Tx) PutName(def DefinitionID, name []byte, id BucketID) error {
	return tx.section(secNames).Put(nameKey(def, name), appendU64(nil, uint64(id)))
}

// Bucket returns a bucket's state.
func (tx *Tx) Bucket(id BucketID) (Bucket, error) {
	k := appendU64(nil, uint64(id))
	return decodeBucket(k, tx.section(secBuckets).Get(k))
}

// HasBucket reports whether there is a bucket id.
func (tx *Tx) HasBucket(id BucketID) bool {
	return tx.section(secBuckets).Get(appendU64(nil, uint64(id))) != nil
}

// PutBucket stores a bucket's state.
func (tx *Tx) PutBucket(id BucketID, b *Bucket) error {
	return tx.section(secBuckets).Put(appendU64(nil, uint64(id)), b.encode())
}

// Buckets visits the bucket states with ids from first on, in order, until visit returns false.
func (tx *Tx) Buckets(first BucketID, visit func(id BucketID, b Bucket) bool) error {
	c := tx.section(secBuckets).Cursor()
	for k, v := c.Seek(appendU64(nil, uint64(first))); k != nil; k, v = c.Next() {
		b, err := decodeBucket(k, v)
		if err != nil || !visit(BucketID(key64(k)), b) {
			return err
		}
	}
	return nil
}
