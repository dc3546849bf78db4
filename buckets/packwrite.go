package buckets

import (
	"bytes"

	"github.com/weirsync/weir/storage"
)

// putPacked stores the rows of a packed chunk that are new and returns the others. It writes their states at once, so that whatever comes
// later in the batch finds them; nothing in the batch may have changed a bucket's state in the file meanwhile, which chunks
// see to by coming last.
func (b *batch) putPacked(t *table, bd *binding, p *prepared) (known []preparedRow, err error) {
	fresh := make([]bool, len(p.rows))
	for i := range p.rows {
		if fresh[i], err = b.isNew(p.rows, i); err != nil {
			return nil, err
		}
		if !fresh[i] {
			known = append(known, p.rows[i])
		}
	}
	if len(known) == len(p.rows) {
		return known, nil
	}
	load := len(p.packed.blocks) >= b.s.loads.blocks && b.mayLoad()
	open := make([]*openBucket, len(p.packed.buckets))
	for i := range p.packed.blocks {
		if err := b.putPackedBlock(t, p, &p.packed.blocks[i], open, fresh, load); err != nil {
			return nil, err
		}
	}
	return known, b.putNewRows(t, bd, p, open, fresh)
}

// isNew reports whether neither the file nor the batch has the row.
func (b *batch) isNew(rows []preparedRow, i int) (bool, error) {
	full := rows[i].full
	if i > 0 && bytes.Equal(full, rows[i-1].full) {
		return false, nil
	}
	if len(b.rows) > 0 && b.rows[string(full)] != nil {
		return false, nil
	}
	_, ok, err := b.tx.Row(full)
	return !ok, err
}

// putPackedBlock gives a block its ids, after its rows that are not new were taken out. load: it may go into the batch's load.
func (b *batch) putPackedBlock(t *table, p *prepared, block *packedBlock, open []*openBucket, fresh []bool, load bool) error {
	k, ops := p.packed, &block.Packed
	old := 0
	for _, at := range k.order[block.start:block.end] {
		if !fresh[k.places[at].row] {
			old++
		}
	}
	switch old {
	case 0:
	case block.end - block.start:
		return nil
	default:
		var rest storage.Block
		var subkey []byte
		for _, at := range k.order[block.start:block.end] {
			if row := k.places[at].row; fresh[row] {
				subkey = p.put(&rest, t, row, &p.sc.places[at], subkey)
			}
		}
		again := rest.Pack()
		ops = &again
	}
	if open[block.bucket] == nil {
		bucket := &k.buckets[block.bucket]
		var err error
		if open[block.bucket], err = b.bucket(bucket.def, bucket.name); err != nil {
			return err
		}
	}
	ob, first := open[block.bucket], b.counters.Op
	b.counters.Op += OpID(ops.Count)
	b.tally.ops += int64(ops.Count)
	loaded := load && ops.Loadable()
	ob.state.AddPacked(ops, first, loaded)
	ob.blocks, ob.dirty = append(ob.blocks, &blockPut{last: b.counters.Op - 1, encoded: ops.Encode(first), loaded: loaded}), true
	return nil
}

// putNewRows writes the states of the new rows.
func (b *batch) putNewRows(t *table, bd *binding, p *prepared, open []*openBucket, fresh []bool) error {
	puts, arena := make([]storage.RowPut, 0, len(p.rows)), make([]byte, 0, 32*len(p.rows))
	var places []storage.Placement
	at := 0
	for i := range p.rows {
		r := &p.rows[i]
		first := at
		at += len(r.ev.places)
		if !fresh[i] {
			continue
		}
		places = places[:0]
		for j := range r.ev.places {
			pl := &r.ev.places[j]
			typ, err := b.stringID(pl.typ)
			if err != nil {
				return err
			}
			ob := open[p.packed.places[first+j].bucket]
			places = append(places, storage.Placement{Bucket: ob.id, Type: typ, Digest: pl.digest, ObjectID: pl.id})
		}
		state := storage.Row{Flags: storage.Unverified, Generation: t.Generation, Placements: places}
		if images := b.imagesOf(bd, r.tuple); images != nil {
			state.Flags |= storage.HasImage
			if err := b.tx.PutImages(r.full, storage.AppendImages(nil, images)); err != nil {
				return err
			}
		}
		start := len(arena)
		arena = storage.AppendRow(arena, r.full[4:], &state)
		puts = append(puts, storage.RowPut{Key: r.full, State: arena[start:len(arena):len(arena)]})
	}
	if t.whole && !b.s.keepsAll() {
		b.change(t, func() { t.whole = false })
	}
	return b.putStates(t, puts)
}
