package storage

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sampleRow() Row {
	return Row{
		Flags: Touched | HasImage, Generation: 3,
		Placements: []Placement{
			{Bucket: 1, Type: 2, Digest: Digest{1, 2, 3}, ObjectID: []byte("a")},
			{Bucket: 300, Type: 2, Digest: Digest{4}, ObjectID: []byte("a")},
			{Bucket: 301, Type: 3, Digest: Digest{5}, ObjectID: []byte{}},
		},
		Params: []ParamRef{{Definition: 9, Lookup: []byte("l"), Digest: Digest{6}}},
	}
}

func TestRowRoundTrip(t *testing.T) {
	want := sampleRow()
	got, ok := DecodeRow(nil, AppendRow(nil, nil, &want))
	if !ok {
		t.Fatal("row does not decode")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("row after a round trip (-want +got):\n%s", d)
	}
}

func TestMarkRoundTrip(t *testing.T) {
	want := Mark{Columns: []MarkedColumn{
		{Attnum: 1, Text: []byte("k")},
		{Attnum: 2, Null: true, Text: []byte{}},
		{Attnum: 7, Unknown: true, Moved: true, Since: 99, Text: []byte{}},
	}}
	got, ok := DecodeMark(AppendMark(nil, &want))
	if d := cmp.Diff(want, got); !ok || d != "" {
		t.Errorf("mark after a round trip, ok %v (-want +got):\n%s", ok, d)
	}
}

func TestBucketFold(t *testing.T) {
	var b Bucket
	add := func(ids ...OpID) {
		var bl Block
		for _, id := range ids {
			bl.Add(&Op{ID: id, Kind: OpMove, Checksum: uint32(id)})
		}
		b.Add(&bl)
	}
	add(10, 11)
	if got := b.At(9); got != (Tally{}) {
		t.Errorf("ops above the checkpoint are visible: %+v", got)
	}
	want := Tally{Count: 2, Sum: 21, Last: 11}
	if got := b.At(12); got != want {
		t.Errorf("at 12: got %+v, want %+v", got, want)
	}
	b.Fold(12)
	add(20)
	if got := b.At(12); got != want {
		t.Errorf("at 12 with op 20 pending: got %+v, want %+v", got, want)
	}
	if got := b.At(20); got != (Tally{Count: 3, Sum: 41, Last: 20}) {
		t.Errorf("at 20: got %+v", got)
	}
	k := []byte("k")
	got, err := decodeBucket(k, b.encode())
	if d := cmp.Diff(b, got); err != nil || d != "" {
		t.Errorf("bucket state after a round trip: %v\n%s", err, d)
	}
}

func TestBlockRoundTrip(t *testing.T) {
	for _, size := range []int{1, 100, 5000} {
		var bl Block
		var want []Op
		for i := range size {
			op := Op{
				ID: OpID(1000 + 3*i), Kind: OpPut, Checksum: uint32(i), Type: []byte("t"), ObjectID: []byte{byte(i)},
				Subkey: []byte("s"), Data: bytes.Repeat([]byte{'x'}, i%50),
			}
			if i%7 == 6 {
				op = Op{ID: op.ID, Kind: OpRemove, Checksum: 5, Type: []byte("t"), ObjectID: []byte("o"), Subkey: []byte("s")}
			}
			want = append(want, op)
			bl.Add(&op)
		}
		h, payload, err := decodeBlock(bl.Encode(), nil)
		if err != nil {
			t.Fatalf("%d ops: %v", size, err)
		}
		d, before := decoder{b: payload}, h.First
		for i := range h.Count {
			var op Op
			if !op.next(&d, before) {
				t.Fatalf("op %d does not decode", i)
			}
			before = op.ID
			if diff := cmp.Diff(want[i], op, cmp.Comparer(bytes.Equal)); diff != "" {
				t.Fatalf("op %d (-want +got):\n%s", i, diff)
			}
		}
		if !d.done() || h.Sum != bl.Sum || h.First != 1000 {
			t.Errorf("%d ops: header %+v, payload read to the end: %v", size, h, d.done())
		}
	}
}

// A copy of a block has its ops, and no memory of it.
func TestBlockClone(t *testing.T) {
	var bl Block
	want := []Op{
		{ID: 10, Kind: OpPut, Checksum: 1, Type: []byte("t"), ObjectID: []byte("o"), Subkey: []byte("s"), Data: []byte("{}")},
		{ID: 12, Kind: OpRemove, Checksum: 2, Type: []byte("t"), ObjectID: []byte("o"), Subkey: []byte("s")},
		{ID: 20, Kind: OpPut, Checksum: 3, Type: []byte("t"), ObjectID: []byte("p"), Subkey: []byte("s"), Data: []byte("[]")},
	}
	for i := range want {
		bl.Add(&want[i])
	}
	c := bl.Clone()
	if c.Size() != bl.Size() || c.Count != 3 || c.First != 10 || c.Last != 20 || c.Sum != 6 {
		t.Errorf("copy %+v of %+v", c, bl)
	}
	bl.Reset()
	bl.Add(&Op{ID: 99, Kind: OpPut, Type: bytes.Repeat([]byte{'x'}, 100)})
	for _, n := range []int{1, 2, 3} {
		var got []Op
		c.Ops(func(op *Op) bool {
			got = append(got, *op)
			return len(got) < n
		})
		if d := cmp.Diff(want[:n], got, cmp.Comparer(bytes.Equal)); d != "" {
			t.Errorf("the first %d ops (-want +got):\n%s", n, d)
		}
	}
}

// What does not compress is stored as it is.
func TestBlockThatDoesNotCompress(t *testing.T) {
	noise := make([]byte, 4*BlockTarget)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	var bl Block
	bl.Add(&Op{ID: 1, Kind: OpPut, Data: noise})
	v := bl.Encode()
	if _, payload, err := decodeBlock(v, nil); err != nil || v[0] != codecPlain || !bytes.Contains(payload, noise) {
		t.Errorf("codec %d, %v", v[0], err)
	}
}

// A size that is not that of the payload asks for no memory.
func TestBlockOfAnotherSize(t *testing.T) {
	packed, codec := appendPayload(nil, bytes.Repeat([]byte("payload"), 1000))
	for _, size := range []uint64{0, 6999, 7001, rawMax, 1 << 62} {
		if _, err := decompress(codec, packed, nil, size); err == nil {
			t.Errorf("7000 bytes decompress to %d", size)
		}
	}
}

// A packed block's ids begin wherever it is told when it is encoded.
func TestPackedBlockGetsItsIDs(t *testing.T) {
	for _, first := range []OpID{1, 127, 128, 1 << 60} {
		var bl Block
		for i := range 300 {
			bl.Add(&Op{ID: OpID(i + 1), Kind: OpPut, Checksum: uint32(i), Type: []byte("t"), ObjectID: []byte{byte(i)}, Data: []byte("{}")})
		}
		p := bl.Pack()
		b := StoredBlock{Last: first + 299, encoded: p.Encode(first)}
		ops, _, err := b.Ops()
		if err != nil || len(ops) != 300 {
			t.Fatalf("from %d: %d ops, %v", first, len(ops), err)
		}
		for i := range ops {
			if ops[i].ID != first+OpID(i) || ops[i].Checksum != uint32(i) {
				t.Fatalf("from %d: op %d is %+v", first, i, ops[i])
			}
		}
		if h, _, err := decodeBlock(b.encoded, nil); err != nil || h.First != first || h.Sum != bl.Sum {
			t.Errorf("from %d: header %+v, %v", first, h, err)
		}
	}
}

func FuzzDecodeRow(f *testing.F) {
	r := sampleRow()
	key := AppendSingleKey(nil, []byte("1"))
	f.Add(AppendRow(nil, key, &r))
	f.Add([]byte{0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := DecodeRow(key, b)
		if !ok {
			return
		}
		if again, ok := DecodeRow(key, AppendRow(nil, key, &r)); !ok || cmp.Diff(r, again, cmp.Comparer(bytes.Equal)) != "" {
			t.Errorf("%x decodes to what does not encode again", b)
		}
	})
}

func FuzzDecodeMark(f *testing.F) {
	f.Add(AppendMark(nil, &Mark{Columns: []MarkedColumn{{Attnum: 1, Text: []byte("k")}}}))
	f.Fuzz(func(_ *testing.T, b []byte) { DecodeMark(b) })
}

func FuzzDecodeImages(f *testing.F) {
	f.Add(AppendImages(nil, []Image{{1, []byte("text")}}))
	f.Fuzz(func(_ *testing.T, b []byte) { DecodeImages(b) })
}

func FuzzDecodeBlock(f *testing.F) {
	var bl Block
	for i := range 20 {
		bl.Add(&Op{ID: OpID(i + 1), Kind: OpPut, Type: []byte("table"), ObjectID: []byte("id"), Data: bytes.Repeat([]byte("data"), 10)})
	}
	v := bl.Encode()
	f.Add(v[:len(v)-4])
	f.Fuzz(func(t *testing.T, b []byte) {
		// The checksum is repaired, so that the fuzzer gets past it.
		v := appendU32(bytes.Clone(b), crc(b))
		h, payload, err := decodeBlock(v, nil)
		if err != nil {
			return
		}
		d := decoder{b: payload}
		var op Op
		for range h.Count {
			if !op.next(&d, op.ID) {
				break
			}
		}
	})
}

func FuzzDecodeBucket(f *testing.F) {
	b := Bucket{Definition: 1, Name: "g[]", Base: Tally{1, 2, 3}}
	f.Add(b.encode())
	f.Fuzz(func(_ *testing.T, v []byte) { _, _ = decodeBucket(nil, v) })
}

func TestStagedChangeRoundTrip(t *testing.T) {
	want := []StagedChange{
		{Op: 'U', Relation: 3, OldFull: true, Old: []StagedValue{{Kind: ValueNull}}, New: []StagedValue{{ValueText, []byte("x")}, {Kind: ValueUnchanged}}},
		{Op: 'D', Old: []StagedValue{{ValueText, []byte{}}}},
		{Op: 'T', Truncated: []uint32{7, 8}},
		{Op: 'M', Prefix: "weir", Content: []byte("nonce")},
	}
	var part []byte
	for i := range want {
		part = AppendStagedChange(part, &want[i])
	}
	var got []StagedChange
	err := DecodeStaged(part, func(c *StagedChange) error { got = append(got, *c); return nil })
	if d := cmp.Diff(want, got, cmp.Comparer(bytes.Equal)); err != nil || d != "" {
		t.Errorf("changes after a round trip: %v (-want +got):\n%s", err, d)
	}
}

func FuzzDecodeStaged(f *testing.F) {
	f.Add(AppendStagedChange(nil, &StagedChange{Op: 'I', New: []StagedValue{{ValueText, []byte("x")}}}))
	f.Fuzz(func(_ *testing.T, b []byte) { _ = DecodeStaged(b, func(*StagedChange) error { return nil }) })
}
