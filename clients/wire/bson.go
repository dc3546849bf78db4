package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// More BSON element types, which clients may send.
const (
	bsonDouble    = 0x01
	bsonBinary    = 0x05
	bsonUndefined = 0x06
	bsonObjectID  = 0x07
	bsonDateTime  = 0x09
	bsonTimestamp = 0x11
	bsonDecimal   = 0x13
)

// maxDepth bounds how deep documents may be nested.
const maxDepth = 64

var errTruncated = errors.New("bson: document is cut off or its lengths disagree")

// element is a BSON element. Key and value are parts of the document.
type element struct {
	kind  byte
	key   []byte
	value []byte
}

// document returns the elements part of the BSON document that b holds exactly.
func document(b []byte) ([]byte, error) {
	if len(b) < 5 || binary.LittleEndian.Uint32(b) != uint32(len(b)) || b[len(b)-1] != 0 {
		return nil, errTruncated
	}
	return b[4 : len(b)-1], nil
}

// next splits the first element off elements, which must not be empty.
func next(elements []byte) (el element, rest []byte, err error) {
	el.kind = elements[0]
	end := bytes.IndexByte(elements[1:], 0)
	if end < 0 {
		return el, nil, errTruncated
	}
	el.key, rest = elements[1:1+end], elements[end+2:]
	size, err := valueSize(el.kind, rest)
	if err != nil {
		return el, nil, err
	}
	if size > uint64(len(rest)) {
		return el, nil, errTruncated
	}
	el.value, rest = rest[:size], rest[size:]
	return el, rest, nil
}

// valueSize returns how many bytes a value takes that b begins with. They may be more than b has.
func valueSize(kind byte, b []byte) (uint64, error) {
	switch kind {
	case bsonNull, bsonUndefined:
		return 0, nil
	case bsonBool:
		return 1, nil
	case bsonInt32:
		return 4, nil
	case bsonDouble, bsonInt64, bsonDateTime, bsonTimestamp:
		return 8, nil
	case bsonObjectID:
		return 12, nil
	case bsonDecimal:
		return 16, nil
	case bsonString, bsonDocument, bsonArray, bsonBinary:
		if len(b) < 4 {
			return 0, errTruncated
		}
		n := uint64(binary.LittleEndian.Uint32(b))
		switch kind {
		case bsonString:
			n += 4
		case bsonBinary:
			n += 5
		}
		return n, nil
	}
	return 0, fmt.Errorf("bson: element type 0x%02x is not accepted", kind)
}

// text returns the value of a string.
func (el *element) text() ([]byte, error) {
	if el.kind != bsonString {
		return nil, fmt.Errorf("bson: %q must be a string", el.key)
	}
	if len(el.value) < 5 || el.value[len(el.value)-1] != 0 {
		return nil, errTruncated
	}
	s := el.value[4 : len(el.value)-1]
	if !utf8.Valid(s) {
		return nil, fmt.Errorf("bson: %q is not valid UTF-8", el.key)
	}
	return s, nil
}

// integer returns the value of an int32 or int64.
func (el *element) integer() (int64, error) {
	switch el.kind {
	case bsonInt32:
		return int64(int32(binary.LittleEndian.Uint32(el.value))), nil
	case bsonInt64:
		return int64(binary.LittleEndian.Uint64(el.value)), nil
	}
	return 0, fmt.Errorf("bson: %q must be an integer", el.key)
}

// boolean returns the value of a bool.
func (el *element) boolean() (bool, error) {
	if el.kind != bsonBool || el.value[0] > 1 {
		return false, fmt.Errorf("bson: %q must be a bool", el.key)
	}
	return el.value[0] == 1, nil
}

// each calls visit for the elements of the document or array doc.
func each(doc []byte, visit func(el *element) error) error {
	elements, err := document(doc)
	if err != nil {
		return err
	}
	for len(elements) > 0 {
		var el element
		if el, elements, err = next(elements); err != nil {
			return err
		}
		if err := visit(&el); err != nil {
			return err
		}
	}
	return nil
}

// AppendJSON appends the BSON document doc as JSON text: the requests of clients that send BSON. Only what JSON has is accepted.
func AppendJSON(dst, doc []byte) ([]byte, error) { return appendJSON(dst, doc, false, 0) }

func appendJSON(dst, doc []byte, array bool, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("bson: nested deeper than %d", maxDepth)
	}
	brackets := "{}"
	if array {
		brackets = "[]"
	}
	dst = append(dst, brackets[0])
	first := true
	err := each(doc, func(el *element) (err error) {
		if el.kind == bsonUndefined && !array {
			return nil
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if !array {
			if !utf8.Valid(el.key) {
				return errors.New("bson: a key is not valid UTF-8")
			}
			dst = append(appendQuoted(dst, el.key), ':')
		}
		dst, err = el.appendJSON(dst, depth)
		return err
	})
	return append(dst, brackets[1]), err
}

func (el *element) appendJSON(dst []byte, depth int) ([]byte, error) {
	switch el.kind {
	case bsonDocument, bsonArray:
		return appendJSON(dst, el.value, el.kind == bsonArray, depth+1)
	case bsonString:
		s, err := el.text()
		return appendQuoted(dst, s), err
	case bsonNull, bsonUndefined:
		return append(dst, "null"...), nil
	case bsonBool:
		v, err := el.boolean()
		return strconv.AppendBool(dst, v), err
	case bsonInt32, bsonInt64:
		n, err := el.integer()
		return strconv.AppendInt(dst, n, 10), err
	case bsonDouble:
		return el.appendDouble(dst)
	}
	return dst, fmt.Errorf("bson: %q has a type that JSON lacks", el.key)
}

// appendDouble prints whole numbers without a fraction: JavaScript has no other numbers, and means 1 by 1.0.
func (el *element) appendDouble(dst []byte) ([]byte, error) {
	f := math.Float64frombits(binary.LittleEndian.Uint64(el.value))
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, fmt.Errorf("bson: %q is not a finite number", el.key)
	}
	if math.Abs(f) < 1<<53 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64), nil
	}
	return strconv.AppendFloat(dst, f, 'e', -1, 64), nil
}
