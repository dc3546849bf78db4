package buckets

import (
	"slices"

	"github.com/weirsync/weir/storage"
)

// edit is what a step of compaction changes: blocks that go, and those that take their place.
type edit struct {
	bucket BucketID
	gone   []OpID // last ops of blocks
	blocks []blockPut

	target OpID
	done   OpID  // if not 0, a full pass ends with this edit
	stale  int64 // PUTs that became MOVE
	small  int64 // small blocks that were counted, and looked at
	stats  CompactStats
}

func (e *edit) empty() bool { return len(e.gone) == 0 && e.done == 0 && e.small == 0 }

// edit applies e together with the bucket's state (I5). The sum and the newest op of a bucket never change by it, the count does when a
// CLEAR takes the place of several ops.
func (b *batch) edit(e *edit) error {
	if !b.tx.HasBucket(e.bucket) {
		return errBucketGone
	}
	for _, last := range e.gone {
		if !b.tx.HasBlock(e.bucket, last) {
			return errBucketGone
		}
	}
	state, err := b.tx.Bucket(e.bucket)
	if err != nil {
		return err
	}
	for _, last := range e.gone {
		if err := b.tx.DeleteBlock(e.bucket, last); err != nil {
			return err
		}
	}
	for _, bl := range e.blocks {
		if err := b.tx.PutBlock(e.bucket, bl.last, bl.encoded); err != nil {
			return err
		}
	}
	state.Fold(b.before.Op)
	state.Base.Count -= e.stats.Dropped
	c := &state.Compaction
	c.Gain(e.stale, e.small)
	if c.Done = max(c.Done, e.done); e.stats.Moved+e.stats.Dropped > 0 {
		c.Target = max(c.Target, e.target)
	}
	b.s.known.forget(e.bucket)
	return b.tx.PutBucket(e.bucket, &state)
}

// run is a row of neighbouring blocks that become one, newest first.
type run struct {
	edit    *edit
	blocks  []*storage.StoredBlock
	ops     []storage.Op
	size    int // of the payload
	changed bool
}

// add puts a block that is older than those before into the run, with what became of its ops. A large one that has not changed is left
// as it is, and ends the run.
func (r *run) add(b *storage.StoredBlock, ops []storage.Op, size int, changed bool) {
	if changed {
		size = payload(ops)
	}
	if !changed && size >= storage.BlockTarget/2 {
		r.flush()
		return
	}
	if r.size > 0 && r.size+size > 2*storage.BlockTarget {
		r.flush()
	}
	r.blocks = append(r.blocks, b)
	r.ops = append(ops, r.ops...)
	r.changed = r.changed || changed
	if r.size += size; r.size >= storage.BlockTarget {
		r.flush()
	}
}

// payload is about what ops take in a block.
func payload(ops []storage.Op) int {
	n := 0
	for i := range ops {
		op := &ops[i]
		n += 10 + len(op.Type) + len(op.ObjectID) + len(op.Subkey) + len(op.Data)
	}
	return n
}

// flush notes that the run becomes one block, unless that would change nothing.
func (r *run) flush() {
	if r.changed || len(r.blocks) > 1 {
		r.encode()
	}
	*r = run{edit: r.edit}
}

func (r *run) encode() {
	e := r.edit
	var block storage.Block
	for i := range r.ops {
		block.Add(&r.ops[i])
	}
	put := blockPut{last: block.Last, encoded: block.Encode()}
	e.blocks = append(e.blocks, put)
	e.stats.Blocks += int64(len(r.blocks)) - 1
	e.stats.Bytes -= int64(len(put.encoded))
	for _, b := range slices.Backward(r.blocks) {
		e.gone = append(e.gone, b.Last)
		e.stats.Bytes += int64(b.Size)
	}
	e.stats.Steps = 1
}
