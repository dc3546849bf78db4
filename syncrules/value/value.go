package value

import (
	"math"
	"strconv"
)

// Kind is the type of a Value.
type Kind uint8

// The five types.
const (
	Null Kind = iota
	Integer
	Real
	Text
	Blob
)

func (k Kind) String() string { return [...]string{"null", "integer", "real", "text", "blob"}[k] }

// Value is an SQL value. The zero Value is NULL. Bytes of TEXT and BLOB are shared, never written to.
type Value struct {
	kind Kind
	num  uint64 // INTEGER, or the bits of a REAL
	text []byte
}

// Constants that results often are.
var (
	True  = Int(1)
	False = Int(0)
)

// Int is an INTEGER.
func Int(n int64) Value { return Value{kind: Integer, num: uint64(n)} }

// Float is a REAL.
func Float(f float64) Value { return Value{kind: Real, num: math.Float64bits(f)} }

// String is a TEXT.
func String(s string) Value { return Value{kind: Text, text: []byte(s)} }

// TextOf is a TEXT that shares b.
func TextOf(b []byte) Value { return Value{kind: Text, text: b} }

// BlobOf is a BLOB that shares b.
func BlobOf(b []byte) Value { return Value{kind: Blob, text: b} }

// Bool is 1 or 0.
func Bool(b bool) Value {
	if b {
		return True
	}
	return False
}

// Kind is the type.
func (v Value) Kind() Kind { return v.kind }

// IsNull says whether v is NULL.
func (v Value) IsNull() bool { return v.kind == Null }

// Int64 is the value of an INTEGER.
func (v Value) Int64() int64 { return int64(v.num) }

// Float64 is the value of a REAL.
func (v Value) Float64() float64 { return math.Float64frombits(v.num) }

// Bytes are the bytes of a TEXT or BLOB, not to be written to.
func (v Value) Bytes() []byte { return v.text }

// Matchable says whether v can be a bucket parameter or lookup key: NULL, BLOB, infinity and NaN match nothing.
func (v Value) Matchable() bool {
	switch v.kind {
	case Null, Blob:
		return false
	case Real:
		return !math.IsNaN(v.Float64()) && !math.IsInf(v.Float64(), 0)
	}
	return true
}

// Clone copies the bytes, for values that outlive what they were read from.
func (v Value) Clone() Value {
	if v.text != nil {
		v.text = append([]byte{}, v.text...)
	}
	return v
}

// AppendText appends the text form, as CAST(v AS TEXT) has it; NULL appends nothing.
func (v Value) AppendText(b []byte) []byte {
	switch v.kind {
	case Integer:
		return strconv.AppendInt(b, v.Int64(), 10)
	case Real:
		return appendJSNumber(b, v.Float64())
	case Text, Blob:
		return append(b, v.text...)
	}
	return b
}

// AppendJSON appends v as row data has it: INTEGER 2, REAL 2.0. BLOB and REALs that JSON lacks become null.
func (v Value) AppendJSON(b []byte) []byte {
	switch v.kind {
	case Integer:
		return strconv.AppendInt(b, v.Int64(), 10)
	case Real:
		return AppendReal(b, v.Float64())
	case Text:
		return AppendQuoted(b, v.text)
	}
	return append(b, "null"...)
}

// AppendKey appends v as bucket names have it: INTEGER 2 and REAL 2.0 are both 2.
func (v Value) AppendKey(b []byte) []byte {
	if v.kind == Real && v.Matchable() {
		return appendJSNumber(b, v.Float64())
	}
	return v.AppendJSON(b)
}

// asText is the text form's bytes.
func (v Value) asText() []byte {
	if v.kind == Text || v.kind == Blob {
		return v.text
	}
	return v.AppendText(nil)
}
