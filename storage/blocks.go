package storage

// StoredBlock is a block in the file. Its bytes are the transaction's.
type StoredBlock struct {
	Last OpID
	Size int // bytes in the file

	section      string
	key, encoded []byte
}

// Header is what the block says of itself. Nothing has checked it.
func (b *StoredBlock) Header() (h BlockHeader, err error) {
	if _, ok := h.read(&decoder{b: b.encoded}); !ok {
		return h, corrupt(b.section, b.key, "bad block header")
	}
	return h, nil
}

// Ops decodes the block's ops, and returns them with the size of the payload. Their bytes are valid as long as the transaction.
func (b *StoredBlock) Ops() (ops []Op, size int, err error) {
	h, payload, err := decodeBlock(b.encoded, nil)
	if err != nil {
		return nil, 0, corrupt(b.section, b.key, "%v", err)
	}
	d, before := decoder{b: payload}, h.First
	for range h.Count {
		var op Op
		if !op.next(&d, before) {
			return nil, 0, corrupt(b.section, b.key, "bad op")
		}
		before = op.ID
		ops = append(ops, op)
	}
	if !d.done() || before != b.Last || len(ops) == 0 {
		return nil, 0, corrupt(b.section, b.key, "block does not end with the op of its key")
	}
	return ops, len(payload), nil
}

// BlocksUp visits the bucket's blocks whose last op is from or above, in order, until visit returns false.
func (tx *Tx) BlocksUp(bucket BucketID, from OpID, visit func(*StoredBlock) (bool, error)) error {
	c := tx.blockCursor(bucket)
	for b := c.up(from); b != nil; b = c.next() {
		if more, err := visit(b); !more || err != nil {
			return err
		}
	}
	return nil
}

// BlocksDown visits the bucket's blocks whose last op is upto or below, newest first, until visit returns false. Not in a transaction that
// deleted blocks: bbolt's Cursor.Last (1.5) does not return while the pages of a section are all empty.
func (tx *Tx) BlocksDown(bucket BucketID, upto OpID, visit func(*StoredBlock) (bool, error)) error {
	c := tx.blockCursor(bucket)
	for b := c.down(upto); b != nil; b = c.prev() {
		if more, err := visit(b); !more || err != nil {
			return err
		}
	}
	return nil
}

// PutBlock stores an encoded block whose last op is last; the bucket has none such.
func (tx *Tx) PutBlock(bucket BucketID, last OpID, encoded []byte) error {
	name := secOps
	if len(encoded) < tailBlock {
		name = secTail
	}
	return tx.section(name).Put(opsKey(bucket, last), encoded)
}

// HasBlock reports whether the bucket has a block that ends with op last, and is in no load.
func (tx *Tx) HasBlock(bucket BucketID, last OpID) bool {
	for _, name := range blockSections {
		if tx.section(name).Get(opsKey(bucket, last)) != nil {
			return true
		}
	}
	return false
}

// DeleteBlock removes the block that ends with op last, and is in no load.
func (tx *Tx) DeleteBlock(bucket BucketID, last OpID) error {
	for _, name := range blockSections {
		if err := tx.section(name).Delete(opsKey(bucket, last)); err != nil {
			return err
		}
	}
	return nil
}
