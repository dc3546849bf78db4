package buckets

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/weirsync/weir/storage"
)

// pass compacts one bucket as of one checkpoint, its target: a client that is on the way to an older checkpoint while it goes on is
// sent on to a newer one, once (View.Operations). Each step plans in a read transaction, where the work is, and is then applied by a
// short job of the writer. What was planned still holds by then: blocks up to a checkpoint that are in no load are changed by passes only,
// which exclude each other, or go away with their bucket. So the target is below all loads: a block that is seen in one can have become a part
// of a larger block with the same last op when a pass comes to exchange it.
//
// A pass goes from the newest op to the oldest and remembers the keys that it has seen: an op whose key was seen before is superseded. It
// need not remember those of ops up to done, which a full pass before has been over. When there are more keys than it may hold, it
// goes over the bucket several times, each time for a share of them (class mod classes of their hash).
type pass struct {
	s      *Store
	id     BucketID
	target OpID
	done   OpID
	full   bool
	small  int64 // blocks that commits left small when it began

	cursor  OpID // the newest block not looked at ends here or below
	seen    map[opKey]struct{}
	limit   int
	share   share
	shares  []share // still to come
	leading bool    // what is left is the leading run of superseded ops

	scratch []byte
	stats   CompactStats
}

// opKey is a hash of what supersedes each other: type, object id and subkey. A collision would lose a row, so it is a strong one.
type opKey [16]byte

// share is a part of all keys.
type share struct{ class, classes uint32 }

func (h share) has(k opKey) bool { return binary.LittleEndian.Uint32(k[:4])%h.classes == h.class }

// errBucketGone ends the pass over a bucket that was reclaimed meanwhile.
var errBucketGone = errors.New("the bucket is gone")

// beginPass returns nil if there is nothing new in the bucket that is published.
func (s *Store) beginPass(id BucketID, full bool) (p *pass, err error) {
	err = s.db.View(func(tx *storage.Tx) error {
		if !tx.HasBucket(id) {
			return nil
		}
		state, err := tx.Bucket(id)
		if err != nil {
			return err
		}
		cp, err := tx.Checkpoint()
		if err != nil || !full && state.Pending.Count > 0 && state.First > cp.Op {
			return err
		}
		target, err := passTarget(tx, id, cp.Op)
		if err != nil || full && target <= state.Compaction.Done { // all that is superseded stands in loads, or beside them
			return err
		}
		p = &pass{
			s: s, id: id, target: target, cursor: target, done: state.Compaction.Done, full: full, small: state.Compaction.Small,
			seen: map[opKey]struct{}{}, limit: max(s.opts.Compact.Memory/keyBytes, 1), share: share{0, 1},
		}
		return nil
	})
	return p, err
}

// passTarget is the checkpoint, but below all loads, and below a block that begins before and goes on beyond that, as merging loads makes them:
// the pass would not see its first ops, but call them done.
func passTarget(tx *storage.Tx, id BucketID, checkpoint OpID) (OpID, error) {
	target := min(checkpoint, tx.BeforeLoads())
	err := tx.BlocksUp(id, target+1, func(b *storage.StoredBlock) (bool, error) {
		h, err := b.Header()
		if err == nil && h.First <= target {
			target = h.First - 1
		}
		return false, err
	})
	return target, err
}

// step does a bounded part of the pass and reports whether there is more.
func (p *pass) step(ctx context.Context) (more bool, err error) {
	e := &edit{bucket: p.id, target: p.target}
	if err := p.s.db.View(func(tx *storage.Tx) (err error) {
		if p.leading {
			more, err = p.lead(tx, e)
			return err
		}
		more = true // at least the leading run
		return p.descend(tx, e)
	}); err != nil {
		return false, err
	}
	if !more {
		if e.small = p.small; p.full {
			e.done = p.target
		}
	}
	if e.empty() {
		return more, nil
	}
	if err := p.s.compactor.commit(ctx, func(b *batch) error { return b.edit(e) }); err != nil {
		return false, err
	}
	p.stats.add(e.stats)
	return more, nil
}

// descend looks at the next older blocks. A pass that is not full ends when it has been over a step's worth of them without a small one.
func (p *pass) descend(tx *storage.Tx, e *edit) error {
	r := run{edit: e}
	looked, small, paused := 0, 0, false
	err := tx.BlocksDown(p.id, p.cursor, func(b *storage.StoredBlock) (bool, error) {
		ops, size, err := b.Ops()
		if err != nil {
			return false, err
		}
		p.cursor = b.Last - 1
		r.add(b, ops, size, p.supersede(ops, e))
		if size < storage.BlockTarget {
			small++
		}
		looked += size
		paused = looked >= p.s.opts.Compact.step
		return !paused, nil
	})
	if err != nil {
		return err
	}
	r.flush()
	if !paused || !p.full && (small == 0 || len(p.seen) >= p.limit) {
		p.next()
	}
	return nil
}

// lead looks at the leading run of ops of which nothing is left but their checksums, and makes one CLEAR of it.
func (p *pass) lead(tx *storage.Tx, e *edit) (more bool, err error) {
	r := run{edit: e}
	var sum uint32
	n, looked, live := int64(0), 0, false
	err = tx.BlocksUp(p.id, 0, func(b *storage.StoredBlock) (bool, error) {
		if b.Last > p.target {
			return false, nil
		}
		ops, size, err := b.Ops()
		if err != nil {
			return false, err
		}
		i := 0
		for i < len(ops) && ops[i].Kind != storage.OpPut {
			sum += ops[i].Checksum
			i++
		}
		n += int64(i)
		live = i < len(ops)
		if i > 0 {
			gone := storage.Op{ID: ops[i-1].ID, Kind: storage.OpClear, Checksum: sum}
			r.blocks = append(r.blocks, b)
			r.ops, r.changed = append([]storage.Op{gone}, ops[i:]...), true
		}
		looked += size
		return !live && looked < p.s.opts.Compact.step, nil
	})
	if err != nil || n < 2 {
		return false, err
	}
	e.stats.Dropped = n - 1
	r.flush()
	return !live && looked >= p.s.opts.Compact.step, nil
}

// next begins the next round over the bucket, or the last part.
func (p *pass) next() {
	if len(p.shares) == 0 {
		p.leading = true
		p.seen = nil
		return
	}
	p.share, p.shares = p.shares[len(p.shares)-1], p.shares[:len(p.shares)-1]
	p.cursor = p.target
	clear(p.seen)
}

// supersede turns ops of which a newer one was seen into MOVEs, newest first.
func (p *pass) supersede(ops []storage.Op, e *edit) (changed bool) {
	for i := len(ops) - 1; i >= 0; i-- {
		op := &ops[i]
		if op.Kind != storage.OpPut && op.Kind != storage.OpRemove {
			continue
		}
		k := p.key(op)
		if !p.share.has(k) {
			continue
		}
		if _, ok := p.seen[k]; !ok {
			p.remember(k, op.ID)
			continue
		}
		if op.Kind == storage.OpPut {
			e.stale++
		}
		e.stats.Moved++
		*op = storage.Op{ID: op.ID, Kind: storage.OpMove, Checksum: op.Checksum}
		changed = true
	}
	return changed
}

func (p *pass) key(op *storage.Op) (k opKey) {
	b := p.scratch[:0]
	for _, part := range [][]byte{op.Type, op.ObjectID, op.Subkey} {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	p.scratch = b
	h := sha256.Sum256(b)
	copy(k[:], h[:])
	return k
}

// remember keeps a key. When there is no room, half of the keys are left to another round.
func (p *pass) remember(k opKey, id OpID) {
	if id <= p.done {
		return
	}
	for p.full && len(p.seen) >= p.limit && p.share.classes < 1<<31 {
		n := p.share.classes
		p.shares = append(p.shares, share{p.share.class + n, 2 * n})
		p.share.classes = 2 * n
		for k := range p.seen {
			if !p.share.has(k) {
				delete(p.seen, k)
			}
		}
	}
	if p.share.has(k) {
		p.seen[k] = struct{}{}
	}
}
