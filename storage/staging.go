package storage

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// Staged is a source transaction that was too big for one update. Its changes wait in section staging, in parts; the record
// says that its commit was received, so that it may be acknowledged, and how much of it has been applied.
type Staged struct {
	End       Position          `json:"end"`
	Time      time.Time         `json:"time"`
	Relations []json.RawMessage `json:"relations"` // by index, opaque here
	Parts     int               `json:"parts"`
	Applied   int               `json:"applied"` // parts that have been applied, and are gone
}

// StagedValue is a column value of a staged change.
type StagedValue struct {
	Kind byte // ValueNull, ValueText, ValueUnchanged
	Text []byte
}

// Kinds of staged value.
const (
	ValueNull byte = iota
	ValueText
	ValueUnchanged
)

// StagedChange is a change of a staged transaction. A tuple that Postgres did not send is nil.
type StagedChange struct {
	Op        byte
	Relation  int
	OldFull   bool
	Old, New  []StagedValue
	Truncated []uint32
	Prefix    string
	Content   []byte
}

// AppendStagedChange appends c to a part.
//
//	+-------+-------------+------------+-----------+-----------+----------------+--------------+---------------+
//	| u8 op | uv relation | u8 oldFull | tuple old | tuple new | uv n, n x u32  | bytes prefix | bytes content |
//	|       |             |            |           |           | truncated      |              |               |
//	+-------+-------------+------------+-----------+-----------+----------------+--------------+---------------+
//	tuple: uv 0 for none, else uv columns + 1, columns x (u8 kind, text: bytes)
func AppendStagedChange(b []byte, c *StagedChange) []byte {
	b = appendUvarint(append(b, c.Op), uint64(c.Relation))
	full := byte(0)
	if c.OldFull {
		full = 1
	}
	b = appendTuple(appendTuple(append(b, full), c.Old), c.New)
	b = appendUvarint(b, uint64(len(c.Truncated)))
	for _, oid := range c.Truncated {
		b = appendU32(b, oid)
	}
	return appendBytes(appendString(b, c.Prefix), c.Content)
}

func appendTuple(b []byte, t []StagedValue) []byte {
	if t == nil {
		return appendUvarint(b, 0)
	}
	b = appendUvarint(b, uint64(len(t))+1)
	for _, v := range t {
		if b = append(b, v.Kind); v.Kind == ValueText {
			b = appendBytes(b, v.Text)
		}
	}
	return b
}

func (d *decoder) tuple() []StagedValue {
	n := d.uvarint()
	if n == 0 {
		return nil
	}
	if n-1 > uint64(len(d.b)) {
		d.fail = true
		return nil
	}
	t := make([]StagedValue, n-1)
	for i := range t {
		t[i].Kind = d.u8()
		switch t[i].Kind {
		case ValueText:
			t[i].Text = d.bytes()
		case ValueNull, ValueUnchanged:
		default:
			d.fail = true
		}
	}
	return t
}

// DecodeStaged visits the changes of a part. Their bytes point into it.
func DecodeStaged(part []byte, visit func(*StagedChange) error) error {
	d := decoder{b: part}
	for len(d.b) > 0 && !d.fail {
		c := StagedChange{Op: d.u8(), Relation: int(d.uvarint()), OldFull: d.u8() == 1, Old: d.tuple(), New: d.tuple()}
		for range d.count() {
			c.Truncated = append(c.Truncated, d.u32())
		}
		c.Prefix, c.Content = string(d.bytes()), d.bytes()
		if d.fail {
			break
		}
		if err := visit(&c); err != nil {
			return err
		}
	}
	if d.fail {
		return fmt.Errorf("bad staged change")
	}
	return nil
}

func stagingKey(source string, part int) []byte {
	return binary.BigEndian.AppendUint32(appendString(nil, source), uint32(part))
}

// PutPart stores a part of a transaction whose commit has not been received, compressed, with a checksum.
func (tx *Tx) PutPart(source string, part int, changes []byte) error {
	v, codec := appendPayload(appendUvarint([]byte{0}, uint64(len(changes))), changes)
	v[0] = codec
	return tx.section(secStaging).Put(stagingKey(source, part), appendU32(v, crc(v)))
}

// Part returns a part as it was put. The bytes are the caller's.
func (tx *Tx) Part(source string, part int) ([]byte, error) {
	k := stagingKey(source, part)
	return decodePart(k, tx.section(secStaging).Get(k))
}

func decodePart(k, v []byte) ([]byte, error) {
	if len(v) < 4 || crc(v[:len(v)-4]) != binary.BigEndian.Uint32(v[len(v)-4:]) {
		return nil, corrupt(secStaging, k, "part is missing or its checksum does not match")
	}
	d := decoder{b: v[:len(v)-4]}
	codec, size := d.u8(), d.uvarint()
	if d.fail {
		return nil, corrupt(secStaging, k, "bad part header")
	}
	changes, err := decompress(codec, d.b, nil, size)
	if err != nil {
		return nil, corrupt(secStaging, k, "part: %v", err)
	}
	if codec == codecPlain {
		changes = bytes.Clone(changes)
	}
	return changes, nil
}

// DeletePart removes a part.
func (tx *Tx) DeletePart(source string, part int) error {
	return tx.section(secStaging).Delete(stagingKey(source, part))
}

// HasParts reports whether there are parts of a source.
func (tx *Tx) HasParts(source string) bool {
	prefix := appendString(nil, source)
	k, _ := tx.section(secStaging).Cursor().Seek(prefix)
	return bytes.HasPrefix(k, prefix)
}

// DropParts removes all parts of a source.
func (tx *Tx) DropParts(source string) error {
	prefix := appendString(nil, source)
	var keys [][]byte
	c := tx.section(secStaging).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	for _, k := range keys {
		if err := tx.section(secStaging).Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Staged visits the transactions that are being applied, at most one per source.
func (tx *Tx) Staged(visit func(source string, s Staged) error) error {
	return forEachJSON(tx.section(secStaged), secStaged, func(k []byte, s Staged) error { return visit(string(k), s) })
}

// PutStaged stores how far a staged transaction is; nil removes it.
func (tx *Tx) PutStaged(source string, s *Staged) error {
	if s == nil {
		return tx.section(secStaged).Delete([]byte(source))
	}
	return putJSON(tx.section(secStaged), []byte(source), s)
}
