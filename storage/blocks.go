package storage

import "bytes"

// StoredBlock is a block in the file. Its bytes are the transaction's.
type StoredBlock struct {
	Last OpID
	Size int // bytes in the file

	key, encoded []byte
}

// Ops decodes the block's ops, and returns them with the size of the payload. Their bytes are valid as long as the transaction.
func (b *StoredBlock) Ops() (ops []Op, size int, err error) {
	h, payload, err := decodeBlock(b.encoded, nil)
	if err != nil {
		return nil, 0, corrupt(secOps, b.key, "%v", err)
	}
	d, before := decoder{b: payload}, h.before
	for range h.Count {
		var op Op
		if !op.next(&d, before) {
			return nil, 0, corrupt(secOps, b.key, "bad op")
		}
		before = op.ID
		ops = append(ops, op)
	}
	if !d.done() || before != b.Last || len(ops) == 0 {
		return nil, 0, corrupt(secOps, b.key, "block does not end with the op of its key")
	}
	return ops, len(payload), nil
}

// BlocksUp visits the bucket's blocks in order until visit returns false.
func (tx *Tx) BlocksUp(bucket BucketID, visit func(*StoredBlock) (bool, error)) error {
	prefix := appendU64(nil, uint64(bucket))
	c := tx.section(secOps).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if more, err := visit(&StoredBlock{Last: OpID(key64(k[8:])), Size: len(v), key: k, encoded: v}); !more || err != nil {
			return err
		}
	}
	return nil
}

// BlocksDown visits the bucket's blocks whose last op is upto or below, newest first, until visit returns false.
func (tx *Tx) BlocksDown(bucket BucketID, upto OpID, visit func(*StoredBlock) (bool, error)) error {
	prefix := appendU64(nil, uint64(bucket))
	c := tx.section(secOps).Cursor()
	step := c.Prev
	if k, _ := c.Seek(opsKey(bucket, upto+1)); k == nil {
		step = c.Last
	}
	for k, v := step(); bytes.HasPrefix(k, prefix); k, v = c.Prev() {
		if more, err := visit(&StoredBlock{Last: OpID(key64(k[8:])), Size: len(v), key: k, encoded: v}); !more || err != nil {
			return err
		}
	}
	return nil
}

// HasBlock reports whether the bucket has a block that ends with op last.
func (tx *Tx) HasBlock(bucket BucketID, last OpID) bool {
	return tx.section(secOps).Get(opsKey(bucket, last)) != nil
}

// DeleteBlock removes the block that ends with op last.
func (tx *Tx) DeleteBlock(bucket BucketID, last OpID) error {
	return tx.section(secOps).Delete(opsKey(bucket, last))
}
