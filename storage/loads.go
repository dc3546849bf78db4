package storage

import (
	"bytes"
	"math"
	"slices"
)

// A chunk of a first snapshot, or a backlog of the stream, can give each of thousands of buckets a small block. Put where they belong, each of
// them rewrites a leaf. So they become a load: one list behind all others in section loads, in the order of buckets. With 20,000 buckets of ten
// rows that takes 30 % of the processor time off a chunk. MergeLoads moves what a bucket has in all loads to where it belongs at once, as one
// block. A load's number is at most its first op, and above the last op of the load before.

// loadFill is how full the pages of loads are: each comes in order behind all others.
const loadFill = 1

// PutLoad puts a small block into a load (Packed.Loadable). Blocks of a load come in the order of keys, and its number is that of no load
// that is older than the transaction.
func (tx *Tx) PutLoad(load OpID, bucket BucketID, last OpID, encoded []byte) error {
	if list := tx.loadList(); len(list) == 0 || list[len(list)-1] < load {
		tx.loads = append(list, load)
	}
	s := tx.section(secLoads)
	s.FillPercent = loadFill
	return s.Put(loadKey(load, bucket, last), encoded)
}

// BeforeLoads returns the greatest op id that no block of a load has, nor that of one which merging loads will put.
func (tx *Tx) BeforeLoads() OpID {
	if list := tx.loadList(); len(list) > 0 {
		return list[0] - 1
	}
	return math.MaxUint64
}

// Loads is how many loads there are.
func (tx *Tx) Loads() int { return len(tx.loadList()) }

func loadKey(load OpID, bucket BucketID, last OpID) []byte {
	return append(appendU64(make([]byte, 0, 24), uint64(load)), opsKey(bucket, last)...)
}

// loadList returns the numbers of the loads, which the transaction keeps.
func (tx *Tx) loadList() []OpID {
	if tx.loads == nil {
		tx.loads = []OpID{}
		c := tx.section(secLoads).Cursor()
		for k, _ := c.Seek(nil); len(k) == 24; {
			load := OpID(key64(k[:8]))
			tx.loads = append(tx.loads, load)
			k, _ = c.Seek(append(loadKey(load, math.MaxUint64, math.MaxUint64), 0)) // not load+1: that of a damaged key may be 0
		}
	}
	return tx.loads
}

// loadOf is the key that a block whose last op is last has if it is in a load; nil if there is no load that could have it.
func (tx *Tx) loadOf(bucket BucketID, last OpID) []byte {
	list := tx.loadList()
	i, found := slices.BinarySearch(list, last)
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return loadKey(list[i], bucket, last)
}

// MergeLoads moves blocks of loads to where they belong, bucket by bucket, until they had limit ops; more tells whether some are left.
func (tx *Tx) MergeLoads(limit int) (more bool, err error) {
	s, list := tx.section(secLoads), tx.loadList()
	parts := make([]blockPart, len(list))
	for i, load := range list {
		p := blockPart{section: secLoads, prefix: appendU64(nil, uint64(load)), cursor: s.Cursor()}
		p.take(p.cursor.Seek(p.prefix))
		parts[i] = p
	}
	var passed [][]byte
	for n := 0; n < limit; {
		least, found := BucketID(0), false
		for i := range parts {
			if id := parts[i].bucket(); parts[i].key != nil && (!found || id < least) {
				least, found = id, true
			}
		}
		if !found {
			break
		}
		j := joiner{tx: tx, bucket: least, others: tx.placedBlocks(least)}
		for i := range parts {
			for p := &parts[i]; p.key != nil && p.bucket() == least; p.take(p.cursor.Next()) {
				passed = append(passed, bytes.Clone(p.key))
				count, err := j.add(p.block())
				if err != nil {
					return false, err
				}
				n += count
			}
		}
		if err := j.flush(); err != nil {
			return false, err
		}
	}
	if err := deleteAll(s, passed); err != nil {
		return false, err
	}
	tx.loads = nil
	return tx.Loads() > 0, nil
}

// bucket is that of the block of a load at which the part stands.
func (p *blockPart) bucket() BucketID {
	if len(p.key) != 24 {
		return 0
	}
	return BucketID(key64(p.key[8:16]))
}

// joiner makes one block of a bucket's neighbouring blocks: no op of another block may come between.
type joiner struct {
	tx     *Tx
	bucket BucketID
	others *blockCursor // over the bucket's blocks that are in no load
	other  *StoredBlock // the next of those, behind first

	block Block
	count int          // of blocks in it
	first *StoredBlock // of those: it stays as it is if it is the only one
}

func (j *joiner) add(b *StoredBlock) (ops int, err error) {
	list, _, err := b.Ops()
	if err != nil {
		return 0, err
	}
	if j.block.Full() || j.other != nil && j.other.Last < b.Last {
		if err := j.flush(); err != nil {
			return 0, err
		}
	}
	if j.count++; j.count == 1 {
		j.first, j.other = b, j.others.up(b.Last) // anew: what flush puts can move the cursors
	}
	for i := range list {
		j.block.Add(&list[i])
	}
	return len(list), nil
}

// flush puts the block.
func (j *joiner) flush() error {
	if j.count == 0 {
		return nil
	}
	encoded := j.first.encoded
	if j.count > 1 {
		encoded = j.block.Encode()
	}
	last := j.block.Last
	j.count, j.first, j.other = 0, nil, nil
	j.block.Reset()
	return j.tx.PutBlock(j.bucket, last, encoded)
}
