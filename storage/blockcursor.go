package storage

import (
	"bytes"

	bolt "go.etcd.io/bbolt"
)

// tailBlock is the size in bytes, as stored, below which a block stands in section tail: beside large ones in section ops, each would have a
// leaf of them rewritten, some 60 KiB. A commit for 500 buckets writes a fiftieth so.
const tailBlock = 4 << 10

// blockSections have op blocks under keys of the same form; a block stands in one of them.
var blockSections = [...]string{secOps, secTail}

// blockCursor goes over a bucket's blocks in the order of their ops, in both sections at once. It returns nil where there is no further one.
type blockCursor struct {
	parts [len(blockSections)]blockPart
	now   *blockPart // that stands at the block
}

type blockPart struct {
	section    string
	prefix     []byte // of the bucket
	cursor     *bolt.Cursor
	key, value []byte // nil outside of the bucket
}

func (tx *Tx) blockCursor(bucket BucketID) *blockCursor {
	c := &blockCursor{}
	for i, name := range blockSections {
		c.parts[i] = blockPart{section: name, prefix: appendU64(nil, uint64(bucket)), cursor: tx.section(name).Cursor()}
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

func (p *blockPart) at(last OpID) []byte { return appendU64(p.prefix[:8:8], uint64(last)) }

func (p *blockPart) take(k, v []byte) {
	if p.key, p.value = k, v; !bytes.HasPrefix(k, p.prefix) {
		p.key, p.value = nil, nil
	}
}

// choose takes the part with the least (-1) or the greatest key (1).
func (c *blockCursor) choose(sign int) *StoredBlock {
	c.now = nil
	for i := range c.parts {
		p := &c.parts[i]
		if p.key != nil && (c.now == nil || bytes.Compare(p.key, c.now.key) == sign) {
			c.now = p
		}
	}
	if p := c.now; p != nil {
		return &StoredBlock{Last: OpID(key64(p.key[8:])), Size: len(p.value), section: p.section, key: p.key, encoded: p.value}
	}
	return nil
}
