package storage

import (
	"bytes"
	"cmp"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// tailBlock is the size in bytes, as stored, below which a block stands in section tail: beside large ones in section ops, each would have a
// leaf of them rewritten, some 60 KiB. A commit for 500 buckets writes a fiftieth so.
const tailBlock = 4 << 10

// blockSections have op blocks under keys of the same form; a block stands in one of them, or in a load.
var blockSections = [...]string{secOps, secTail}

// blockCursor goes over a bucket's blocks in the order of their ops, wherever they stand. It returns nil where there is no further one.
type blockCursor struct {
	parts []blockPart
	now   *blockPart // that stands at the block
}

type blockPart struct {
	section    string
	prefix     []byte // of the bucket
	cursor     *bolt.Cursor
	key, value []byte // nil outside of the bucket
}

func (tx *Tx) blockCursor(bucket BucketID) *blockCursor {
	c := tx.placedBlocks(bucket)
	for _, load := range tx.loadList() {
		prefix := appendU64(appendU64(nil, uint64(load)), uint64(bucket))
		c.parts = append(c.parts, blockPart{section: secLoads, prefix: prefix, cursor: tx.section(secLoads).Cursor()})
	}
	return c
}

// placedBlocks goes over those of a bucket's blocks that are in no load.
func (tx *Tx) placedBlocks(bucket BucketID) *blockCursor {
	c := &blockCursor{}
	for _, name := range blockSections {
		c.parts = append(c.parts, blockPart{section: name, prefix: appendU64(nil, uint64(bucket)), cursor: tx.section(name).Cursor()})
	}
	return c
}

// up goes to the first block whose last op is from or above.
func (c *blockCursor) up(from OpID) *StoredBlock {
	for i := range c.parts {
		p := &c.parts[i]
		p.take(p.cursor.Seek(p.at(from)))
	}
	return c.choose(-1)
}

// next goes to the block after.
func (c *blockCursor) next() *StoredBlock {
	c.now.take(c.now.cursor.Next())
	return c.choose(-1)
}

// down goes to the last block whose last op is upto or below.
func (c *blockCursor) down(upto OpID) *StoredBlock {
	for i := range c.parts {
		p := &c.parts[i]
		if k, _ := p.cursor.Seek(p.at(upto + 1)); k == nil {
			p.take(p.cursor.Last())
		} else {
			p.take(p.cursor.Prev())
		}
	}
	return c.choose(1)
}

// prev goes to the block before.
func (c *blockCursor) prev() *StoredBlock {
	c.now.take(c.now.cursor.Prev())
	return c.choose(1)
}

func (p *blockPart) at(last OpID) []byte { return appendU64(slices.Clip(p.prefix), uint64(last)) }

// last is the last op of the block.
func (p *blockPart) last() OpID { return OpID(key64(p.key[max(len(p.key)-8, 0):])) }

func (p *blockPart) block() *StoredBlock {
	return &StoredBlock{Last: p.last(), Size: len(p.value), section: p.section, key: p.key, encoded: p.value}
}

func (p *blockPart) take(k, v []byte) {
	if p.key, p.value = k, v; !bytes.HasPrefix(k, p.prefix) {
		p.key, p.value = nil, nil
	}
}

// choose takes the part with the least (-1) or the greatest op (1).
func (c *blockCursor) choose(sign int) *StoredBlock {
	c.now = nil
	for i := range c.parts {
		p := &c.parts[i]
		if p.key != nil && (c.now == nil || cmp.Compare(p.last(), c.now.last()) == sign) {
			c.now = p
		}
	}
	if c.now == nil {
		return nil
	}
	return c.now.block()
}
