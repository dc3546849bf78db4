package wire

import (
	"encoding/binary"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Format is how lines are encoded.
type Format uint8

const (
	// JSON is NDJSON with the data of an operation as a JSON string.
	JSON Format = iota
	// NestedJSON is NDJSON with the data of an operation as an object, for clients that don't ask for raw_data.
	NestedJSON
	// BSON is one document after the other.
	BSON
)

// ContentType is the exact Content-Type of a stream of lines: clients compare the whole header.
func (f Format) ContentType() string {
	if f == BSON {
		return "application/vnd.powersync.bson-stream"
	}
	return "application/x-ndjson"
}

// Encoder writes lines. Its memory is kept from line to line. Make one with NewEncoder. Not safe for concurrent use.
type Encoder struct {
	format Format
	buf    []byte
	open   []nesting

	id, index decimal // of the last PUT
}

// nesting is an object or array that is being written.
type nesting struct {
	start int // offset of a BSON document's length
	array bool
	n     int // elements so far, the keys of a BSON array
}

// NewEncoder returns an encoder of f.
func NewEncoder(f Format) *Encoder { return &Encoder{format: f} }

// Reset makes e an encoder of f that keeps its memory.
func (e *Encoder) Reset(f Format) { e.format, e.buf, e.open = f, e.buf[:0], e.open[:0] }

// Grow makes room for a line of n bytes, so that it takes no more memory than that.
func (e *Encoder) Grow(n int) { e.buf = slices.Grow(e.buf, n) }

// Cap returns the memory that e keeps, in bytes.
func (e *Encoder) Cap() int { return cap(e.buf) }

// Len returns how long the line is that is being written, in bytes.
func (e *Encoder) Len() int { return len(e.buf) }

// begin starts a line.
func (e *Encoder) begin() {
	e.buf, e.open = e.buf[:0], e.open[:0]
	e.enter(false)
}

// finish ends the line, with everything that is still open in it.
func (e *Encoder) finish() []byte {
	for len(e.open) > 0 {
		e.end()
	}
	if e.format != BSON {
		e.buf = append(e.buf, '\n')
	}
	return e.buf
}

// BSON element types.
const (
	bsonString   = 0x02
	bsonDocument = 0x03
	bsonArray    = 0x04
	bsonBool     = 0x08
	bsonNull     = 0x0a
	bsonInt32    = 0x10
	bsonInt64    = 0x12
)

// element writes what stands before a value: in JSON a comma and the key, in BSON the type and the key. In an array the key is left
// out (JSON) or the index (BSON).
//
//	BSON document:  +-----------+---------------------------+------+
//	                | i32 total | elements                  | 0x00 |
//	                +-----------+---------------------------+------+
//	BSON element:   +------+----------------------+----------------+
//	                | type | key 0x00             | value          |
//	                +------+----------------------+----------------+
func (e *Encoder) element(kind byte, key string) {
	in := &e.open[len(e.open)-1]
	if e.format == BSON {
		e.buf = append(e.buf, kind)
		if in.array {
			e.buf = strconv.AppendInt(e.buf, int64(in.n), 10)
		} else {
			e.buf = append(e.buf, key...)
		}
		e.buf = append(e.buf, 0)
	} else {
		if in.n > 0 {
			e.buf = append(e.buf, ',')
		}
		if !in.array {
			e.buf = append(e.buf, '"')
			e.buf = append(e.buf, key...)
			e.buf = append(e.buf, '"', ':')
		}
	}
	in.n++
}

func (e *Encoder) enter(array bool) {
	e.open = append(e.open, nesting{start: len(e.buf), array: array})
	switch {
	case e.format == BSON:
		e.buf = append(e.buf, 0, 0, 0, 0)
	case array:
		e.buf = append(e.buf, '[')
	default:
		e.buf = append(e.buf, '{')
	}
}

func (e *Encoder) object(key string) {
	e.element(bsonDocument, key)
	e.enter(false)
}

func (e *Encoder) array(key string) {
	e.element(bsonArray, key)
	e.enter(true)
}

func (e *Encoder) end() {
	in := e.open[len(e.open)-1]
	e.open = e.open[:len(e.open)-1]
	switch {
	case e.format == BSON:
		e.buf = append(e.buf, 0)
		binary.LittleEndian.PutUint32(e.buf[in.start:], uint32(len(e.buf)-in.start))
	case in.array:
		e.buf = append(e.buf, ']')
	default:
		e.buf = append(e.buf, '}')
	}
}

// text writes a string.
func text[T string | []byte](e *Encoder, key string, s T) {
	e.element(bsonString, key)
	if !valid(s) {
		s = T(clean([]byte(s)))
	}
	if e.format == BSON {
		e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(len(s)+1))
		e.buf = append(e.buf, s...)
		e.buf = append(e.buf, 0)
		return
	}
	e.buf = appendQuoted(e.buf, s)
}

func valid[T string | []byte](s T) bool {
	switch s := any(s).(type) {
	case string:
		return utf8.ValidString(s)
	case []byte:
		return utf8.Valid(s)
	}
	return false
}

// decimal writes an id: a string, because it can be beyond what a JSON number keeps.
func (e *Encoder) decimal(key string, n uint64) {
	e.element(bsonString, key)
	var digits [20]byte
	d := strconv.AppendUint(digits[:0], n, 10)
	if e.format == BSON {
		e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(len(d)+1))
		e.buf = append(e.buf, d...)
		e.buf = append(e.buf, 0)
		return
	}
	e.buf = append(e.buf, '"')
	e.buf = append(e.buf, d...)
	e.buf = append(e.buf, '"')
}

// integer writes a number. The native core takes no doubles for counts, so BSON uses int32 and, beyond it, int64.
func (e *Encoder) integer(key string, n int64) {
	switch {
	case e.format != BSON:
		e.element(0, key)
		e.buf = strconv.AppendInt(e.buf, n, 10)
	case n == int64(int32(n)):
		e.element(bsonInt32, key)
		e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(n))
	default:
		e.element(bsonInt64, key)
		e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(n))
	}
}

// unsigned writes the checksum of an operation: clients fold it to 32 bits, so BSON has it as int32.
func (e *Encoder) unsigned(key string, n uint32) {
	if e.format == BSON {
		e.integer(key, int64(int32(n)))
	} else {
		e.integer(key, int64(n))
	}
}

func (e *Encoder) boolean(key string, v bool) {
	e.element(bsonBool, key)
	switch {
	case e.format != BSON:
		e.buf = strconv.AppendBool(e.buf, v)
	case v:
		e.buf = append(e.buf, 1)
	default:
		e.buf = append(e.buf, 0)
	}
}

func (e *Encoder) null(key string) {
	e.element(bsonNull, key)
	if e.format != BSON {
		e.buf = append(e.buf, "null"...)
	}
}
