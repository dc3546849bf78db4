package storage

import "encoding/binary"

// decoder reads a record. The first fault sticks, reads return zero after it, so a record is checked once at its end.
type decoder struct {
	b    []byte
	fail bool
}

func (d *decoder) take(n uint64) []byte {
	if d.fail || n > uint64(len(d.b)) {
		d.fail = true
		return nil
	}
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) uvarint() uint64 {
	if !d.fail && len(d.b) > 0 && d.b[0] < 0x80 { // most are
		v := d.b[0]
		d.b = d.b[1:]
		return uint64(v)
	}
	return d.longUvarint()
}

func (d *decoder) longUvarint() uint64 {
	if d.fail {
		return 0
	}
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) u8() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if b := d.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

// count reads a number of items of at least one byte each, so that a damaged one can't ask for more memory than the record has.
func (d *decoder) count() int {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail = true
		return 0
	}
	return int(n)
}

// done reports whether the record was read to its end without a fault.
func (d *decoder) done() bool { return !d.fail && len(d.b) == 0 }

func appendU32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }
func appendU64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }
func appendUvarint(b []byte, v uint64) []byte {
	return binary.AppendUvarint(b, v)
}

func appendBytes(b, v []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

func appendString(b []byte, v string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}
