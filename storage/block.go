package storage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// OpKind is the kind of a bucket operation, by the client protocol's names.
type OpKind uint8

// Kinds of operation.
const (
	OpPut OpKind = iota + 1
	OpRemove
	OpMove
	OpClear
)

// Op is one operation of a bucket.
type Op struct {
	ID       OpID
	Kind     OpKind
	Checksum uint32
	Type     []byte // PUT, REMOVE: output table
	ObjectID []byte // PUT, REMOVE
	Subkey   []byte // PUT, REMOVE
	Data     []byte // PUT: JSON text, valid UTF-8
}

// BlockTarget is the size of a block's payload at which a builder is full, in bytes before compression.
const BlockTarget = 64 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Block collects the ops that one flush gives one bucket. The zero value is ready.
type Block struct {
	Count int
	First OpID
	Last  OpID
	Sum   uint32 // of the checksums

	payload []byte
}

// opMax is the longest that the first op of a block can be, but for its texts.
const opMax = 1 + 1 + 4 + 4*binary.MaxVarintLen64

// Add appends an op with an id above Last.
func (b *Block) Add(op *Op) {
	if b.Count == 0 {
		b.First, b.Last = op.ID, op.ID
	}
	if b.payload == nil { // most blocks of many buckets have one op
		b.payload = make([]byte, 0, opMax+len(op.Type)+len(op.ObjectID)+len(op.Subkey)+len(op.Data))
	}
	b.payload = append(b.payload, byte(op.Kind))
	b.payload = appendUvarint(b.payload, uint64(op.ID-b.Last))
	b.payload = appendU32(b.payload, op.Checksum)
	if op.Kind == OpPut || op.Kind == OpRemove {
		b.payload = appendBytes(b.payload, op.Type)
		b.payload = appendBytes(b.payload, op.ObjectID)
		b.payload = appendBytes(b.payload, op.Subkey)
	}
	if op.Kind == OpPut {
		b.payload = appendBytes(b.payload, op.Data)
	}
	b.Count++
	b.Last = op.ID
	b.Sum += op.Checksum
}

// Reset empties the block and keeps its memory.
func (b *Block) Reset() { *b = Block{payload: b.payload[:0]} }

// Clone returns a copy of its own memory, as small as can be.
func (b *Block) Clone() *Block {
	c := *b
	c.payload = bytes.Clone(b.payload)
	return &c
}

// Size is how many bytes the ops take before compression.
func (b *Block) Size() int { return len(b.payload) }

// Ops visits the ops in order until visit returns false. An Op's bytes point into the block.
func (b *Block) Ops(visit func(*Op) bool) {
	var op Op
	d, before := decoder{b: b.payload}, b.First
	for range b.Count {
		if !op.next(&d, before) || !visit(&op) {
			return
		}
		before = op.ID
	}
}

// Full reports whether the block is large enough to be stored.
func (b *Block) Full() bool { return len(b.payload) >= BlockTarget }

// Encode returns the block in the form of section ops.
func (b *Block) Encode() []byte {
	p := b.Pack()
	return p.Encode(b.First)
}

// headMax is the longest that what stands before the payload of a block can be.
const headMax = 1 + 3*binary.MaxVarintLen64 + 4

// Packed is a block that is compressed, and lacks nothing but the id of its first op.
type Packed struct {
	Count int
	Sum   uint32
	Full  bool

	codec byte
	raw   int
	body  []byte // room for headMax bytes, the payload, room for the checksum
}

// Pack compresses the block. What it returns does not point into it.
func (b *Block) Pack() Packed {
	p := Packed{Count: b.Count, Sum: b.Sum, Full: b.Full(), raw: len(b.payload)}
	p.body, p.codec = appendPayload(make([]byte, headMax, len(b.payload)/2+64), b.payload)
	return p
}

// Loadable reports whether the block is one for a load (PutLoad): it is small as stored, and merging loads has something to add to it.
func (p *Packed) Loadable() bool { return !p.Full && len(p.body)+4 < tailBlock }

// Encode returns the block in the form of section ops, with ops from first on. It is called once: the bytes become the result's.
func (p *Packed) Encode(first OpID) []byte {
	var room [headMax]byte
	head := appendUvarint(append(room[:0], p.codec), uint64(p.Count))
	head = appendU32(appendUvarint(head, uint64(first)), p.Sum)
	head = appendUvarint(head, uint64(p.raw))
	out := p.body[headMax-len(head):]
	copy(out, head)
	return appendU32(out, crc(out))
}

// BlockHeader is what a block says of itself.
type BlockHeader struct {
	Count int
	First OpID
	Sum   uint32
	Size  uint64 // of the payload, in bytes
}

// read reads the header, and the codec of what follows it.
func (h *BlockHeader) read(d *decoder) (codec byte, ok bool) {
	codec = d.u8()
	*h = BlockHeader{Count: int(d.uvarint()), First: OpID(d.uvarint()), Sum: d.u32(), Size: d.uvarint()}
	return codec, !d.fail && h.Count >= 0
}

// decodeBlock checks a stored block and returns its payload, decompressed into buf.
func decodeBlock(v, buf []byte) (h BlockHeader, payload []byte, err error) {
	if len(v) < 4 || crc(v[:len(v)-4]) != binary.BigEndian.Uint32(v[len(v)-4:]) {
		return h, nil, fmt.Errorf("block checksum does not match")
	}
	d := decoder{b: v[:len(v)-4]}
	codec, ok := h.read(&d)
	if !ok {
		return h, nil, fmt.Errorf("bad block header")
	}
	if payload, err = decompress(codec, d.b, buf, h.Size); err != nil {
		return h, nil, fmt.Errorf("block: %w", err)
	}
	return h, payload, nil
}

// next decodes one op after the op id before; its bytes point into the payload.
func (op *Op) next(d *decoder, before OpID) bool {
	*op = Op{Kind: OpKind(d.u8()), ID: before + OpID(d.uvarint()), Checksum: d.u32()}
	switch op.Kind {
	case OpPut, OpRemove:
		op.Type, op.ObjectID, op.Subkey = d.bytes(), d.bytes(), d.bytes()
	case OpMove, OpClear:
	default:
		d.fail = true
	}
	if op.Kind == OpPut {
		op.Data = d.bytes()
	}
	return !d.fail
}

func opsKey(bucket BucketID, last OpID) []byte {
	return appendU64(appendU64(make([]byte, 0, 16), uint64(bucket)), uint64(last))
}

// Ops visits the bucket's ops with id > after in order until visit returns false. An Op's bytes are valid during its visit. buf is
// scratch memory for decompression; the grown one is returned for the next call.
func (tx *Tx) Ops(bucket BucketID, after OpID, buf []byte, visit func(*Op) bool) ([]byte, error) {
	c := tx.blockCursor(bucket)
	var op Op
	for b := c.up(after + 1); b != nil; b = c.next() {
		h, payload, err := decodeBlock(b.encoded, buf)
		if err != nil {
			return buf, corrupt(b.section, b.key, "%v", err)
		}
		if b.encoded[0] != codecPlain {
			buf = payload
		}
		d, before := decoder{b: payload}, h.First
		for range h.Count {
			if !op.next(&d, before) {
				return buf, corrupt(b.section, b.key, "bad op")
			}
			before = op.ID
			if op.ID > after && !visit(&op) {
				return buf, nil
			}
		}
		if !d.done() || b.Last != before {
			return buf, corrupt(b.section, b.key, "block does not end with the op of its key")
		}
	}
	return buf, nil
}

func crc(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }
