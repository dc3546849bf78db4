package buckets

import (
	"bytes"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/weirsync/weir/storage"
)

const (
	imageRowMin   = 1 << 10 // texts of smaller rows are not kept: 5.8 repairs the rare row that needs one
	imageValueMin = 20      // a shorter text can't be unchanged TOAST (postgres-facts 4)

	evaluateAlone = 64 // below this many rows helpers cost more than they bring
)

// flusher collects what a batch writes, so that every section gets its puts in key order.
type flusher struct {
	rows     []rowPut
	arena    []byte
	encoders errgroup.Group // that compress blocks
	subkey   []byte         // of the row that is being settled
	params   []storage.Param
	errors   int
}

type rowPut struct {
	row     *row
	encoded []byte // nil: delete
}

type blockPut struct {
	last    OpID
	encoded []byte // once the encoders are done

	ops      int
	loadable bool // may go into the batch's load
	loaded   bool // goes there
}

var blockPool = sync.Pool{New: func() any { return new(storage.Block) }}

// flush turns the changed rows into ops and writes everything in key order.
func (b *batch) flush() error {
	changed := b.changed
	slices.SortFunc(changed, func(x, y *row) int { return x.seq - y.seq })
	b.evaluate(changed)
	b.flusher.encoders.SetLimit(runtime.GOMAXPROCS(0) - 1)
	for _, r := range changed {
		if err := b.settle(r); err != nil {
			return err
		}
	}
	b.tally.errors += int64(b.flusher.errors)
	if n := b.flusher.errors; n > 0 {
		b.s.log.Warn("rules could not be evaluated for some rows, which were left out", "errors", n)
	}
	return b.writeAll()
}

// evaluate runs the rules over the changed rows that are whole and not evaluated yet, on all cores.
func (b *batch) evaluate(changed []*row) {
	var rows []*row
	for _, r := range changed {
		if !r.gone && !r.holed() && r.evaluated != r.seq {
			rows = append(rows, r)
		}
	}
	workers := min(runtime.GOMAXPROCS(0), 1+len(rows)/evaluateAlone)
	share := (len(rows) + workers - 1) / workers
	var wg sync.WaitGroup
	for len(b.s.scratches) < workers {
		b.s.scratches = append(b.s.scratches, &scratch{})
	}
	scratches := b.s.scratches[:workers]
	for i, sc := range scratches {
		sc.reset()
		work := func() {
			for _, r := range rows[min(i*share, len(rows)):min((i+1)*share, len(rows))] {
				r.ev, r.evaluated = r.bd.evaluate(r.tuple, sc), r.seq
			}
		}
		if i == workers-1 {
			work()
			continue
		}
		wg.Go(work)
	}
	wg.Wait()
	for _, sc := range scratches {
		b.flusher.errors += sc.errors
	}
}

// settle makes the ops of a row's change and its new state. A partial row keeps its placements until it is whole: the gate is
// closed meanwhile. So it is if the table began anew behind the change, in the same batch.
func (b *batch) settle(r *row) error {
	if r.holed() {
		return b.putRow(r, &storage.Row{Flags: r.flags, Generation: r.gen, Placements: r.stored.Placements, Params: r.stored.Params})
	}
	next := storage.Row{Flags: r.flags &^ (storage.Tombstone | storage.HasImage), Generation: r.gen}
	if err := b.place(r, &next); err != nil {
		return err
	}
	b.parametrize(r, &next)
	if !r.gone {
		return b.putRow(r, &next)
	}
	if r.t.entombs() && !b.s.omit.tombstones {
		next.Flags |= storage.Tombstone
		return b.putRow(r, &next)
	}
	if r.exists {
		b.flusher.rows = append(b.flusher.rows, rowPut{row: r})
	}
	return nil
}

// place compares where the row is with where it belongs and makes the difference ops: nothing for an equal placement (I12).
func (b *batch) place(r *row, next *storage.Row) error {
	kept := 0
	var subkey []byte
	old := r.stored.Placements
	used := make([]bool, len(old))
	type fresh struct {
		ob *openBucket
		i  int
	}
	var puts []fresh
	if n := len(r.ev.places); n > 0 {
		next.Placements = make([]storage.Placement, 0, n)
	}
	for i := range r.ev.places {
		p := &r.ev.places[i]
		ob, err := b.bucket(p.def, p.bucket)
		if err != nil {
			return err
		}
		typ, err := b.stringID(p.typ)
		if err != nil {
			return err
		}
		pl := storage.Placement{Bucket: ob.id, Type: typ, Digest: p.digest, ObjectID: p.id}
		next.Placements = append(next.Placements, pl)
		if j := samePlace(old, &pl); j >= 0 {
			used[j] = true
			if old[j].Digest == pl.Digest {
				kept++
				continue
			}
			ob.state.Compaction.Stale++
		}
		puts = append(puts, fresh{ob, i})
	}
	if kept == len(old) && len(puts) == 0 {
		return nil
	}
	b.flusher.subkey = r.t.subkey(b.flusher.subkey[:0], r.key)
	subkey = b.flusher.subkey
	removal := storage.Digest{}
	for j := range old {
		if used[j] {
			continue
		}
		if removal == (storage.Digest{}) {
			removal = storage.Digest(sum(append([]byte("delete."), subkey...)))
		}
		ob, err := b.bucketByID(old[j].Bucket)
		if err != nil {
			return err
		}
		ob.state.Compaction.Stale++
		b.add(ob, &storage.Op{
			Kind: storage.OpRemove, Checksum: checksum(removal),
			Type: []byte(b.s.catalog.stringByID[old[j].Type]), ObjectID: old[j].ObjectID, Subkey: subkey,
		})
	}
	for _, f := range puts {
		p := &r.ev.places[f.i]
		b.add(f.ob, &storage.Op{
			Kind: storage.OpPut, Checksum: checksum(p.digest), Type: []byte(p.typ), ObjectID: p.id, Subkey: subkey, Data: p.data,
		})
	}
	return nil
}

// samePlace finds the placement of the same object in the same bucket.
func samePlace(old []storage.Placement, p *storage.Placement) int {
	for j := range old {
		if old[j].Bucket == p.Bucket && old[j].Type == p.Type && bytes.Equal(old[j].ObjectID, p.ObjectID) {
			return j
		}
	}
	return -1
}

func checksum(d storage.Digest) uint32 {
	return uint32(d[0]) | uint32(d[1])<<8 | uint32(d[2])<<16 | uint32(d[3])<<24
}

// add gives the op the next id and appends it to its bucket.
func (b *batch) add(ob *openBucket, op *storage.Op) {
	op.ID = b.nextOp()
	if ob.block == nil {
		ob.block = blockPool.Get().(*storage.Block)
	}
	ob.block.Add(op)
	b.tally.ops++
	ob.dirty = true
	if ob.block.Full() {
		b.close(ob)
	}
}

func (b *batch) nextOp() OpID {
	id := b.counters.Op
	b.counters.Op++
	return id
}

// close ends the bucket's current block. Another core compresses it, if one is free: that is a tenth of a snapshot's work.
func (b *batch) close(ob *openBucket) {
	block := ob.block
	if block == nil {
		return
	}
	ob.state.Add(block)
	put := &blockPut{last: block.Last, ops: block.Count}
	ob.block, ob.blocks = nil, append(ob.blocks, put)
	encode := func() error {
		p := block.Pack()
		put.loadable, put.encoded = p.Loadable(), p.Encode(block.First)
		block.Reset()
		blockPool.Put(block)
		return nil
	}
	if !b.flusher.encoders.TryGo(encode) {
		_ = encode()
	}
}

// parametrize brings the row's parameter rows up to date.
func (b *batch) parametrize(r *row, next *storage.Row) {
	if len(r.ev.params) == 0 && len(r.stored.Params) == 0 {
		return
	}
	hash := rowHash(r.t.ID, r.key)
	for i := range r.ev.params {
		p := &r.ev.params[i]
		ref := storage.ParamRef{Definition: p.def.id, Lookup: p.lookup, Digest: p.digest}
		if hasParam(next.Params, &ref) {
			continue
		}
		next.Params = append(next.Params, ref)
		if !hasParam(r.stored.Params, &ref) {
			b.param(&ref, hash, p.values, false)
		}
	}
	for i := range r.stored.Params {
		if ref := &r.stored.Params[i]; !hasParam(next.Params, ref) {
			b.param(ref, hash, nil, true)
		}
	}
}

func hasParam(list []storage.ParamRef, p *storage.ParamRef) bool {
	return slices.ContainsFunc(list, func(q storage.ParamRef) bool {
		return q.Definition == p.Definition && q.Digest == p.Digest && bytes.Equal(q.Lookup, p.Lookup)
	})
}

func (b *batch) param(ref *storage.ParamRef, row uint64, values []byte, gone bool) {
	b.flusher.params = append(b.flusher.params, storage.Param{
		Definition: ref.Definition, Lookup: ref.Lookup, Row: row, Digest: ref.Digest, ID: b.nextOp(), Values: values, Gone: gone,
	})
	b.news.lookup(lookupKey(ref.Definition, ref.Lookup))
}

// putRow notes a row state for writing.
func (b *batch) putRow(r *row, state *storage.Row) error {
	images := b.images(r)
	if r.holed() {
		images = nil // the mark has them
	}
	if images != nil {
		state.Flags |= storage.HasImage
	} else {
		state.Flags &^= storage.HasImage
	}
	if r.t.whole && !b.s.keepsAll() {
		b.change(r.t, func() { r.t.whole = false })
	}
	f := &b.flusher
	start := len(f.arena)
	f.arena = storage.AppendRow(f.arena, r.key, state)
	f.rows = append(f.rows, rowPut{row: r, encoded: f.arena[start:len(f.arena):len(f.arena)]})
	return nil
}

// images are the values of the row that are kept.
func (b *batch) images(r *row) []storage.Image {
	if r.gone || r.tuple == nil {
		return nil
	}
	return b.imagesOf(r.bd, r.tuple)
}

// imagesOf are the values of a whole row that are kept: all, or those that an update could leave unchanged in TOAST.
func (b *batch) imagesOf(bd *binding, tuple Tuple) []storage.Image {
	if bd.bag || b.s.opts.RowImages == RowImagesNone { // without a key the old tuple has every value
		return nil
	}
	size, all := 0, b.s.keepsAll()
	for _, v := range tuple {
		size += len(v)
	}
	if size < imageRowMin && !all {
		return nil
	}
	var images []storage.Image
	for i, v := range tuple {
		if col := &bd.rel.Columns[i]; all && v != nil || col.Varlena && len(v) >= imageValueMin {
			images = append(images, storage.Image{Attnum: col.Attnum, Text: v})
		}
	}
	return images
}
