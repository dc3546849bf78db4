package value

import (
	"bytes"
	"math"
	"math/big"
	"slices"
	"strconv"
)

type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonInteger // text holds the digits: of any size
	jsonReal    // real holds the value
	jsonString
	jsonArray
	jsonObject
)

// JSON is a parsed JSON text. Objects have JavaScript's order of keys: integer-like ones first, then as written.
type JSON struct {
	kind  jsonKind
	truth bool
	real  float64
	text  []byte // of a string or an integer
	keys  [][]byte
	items []JSON         // of an array, or the values of an object
	at    map[string]int // of keys, in objects with many
}

// manyKeys is where searching keys one by one starts to cost more than an index.
const manyKeys = 16

// find is the place of a key.
func (j *JSON) find(key []byte) (int, bool) {
	if j.at != nil {
		at, ok := j.at[string(key)]
		return at, ok
	}
	for i, k := range j.keys {
		if bytes.Equal(k, key) {
			return i, true
		}
	}
	return 0, false
}

// index notes that key comes next.
func (j *JSON) index(key []byte) {
	if len(j.keys) == manyKeys {
		j.at = make(map[string]int, 2*manyKeys)
		for i, k := range j.keys {
			j.at[string(k)] = i
		}
	}
	if j.at != nil {
		j.at[string(key)] = len(j.keys)
	}
}

// sortKeys moves integer-like keys to the front in ascending order.
func (j *JSON) sortKeys() {
	if !slices.ContainsFunc(j.keys, func(k []byte) bool { _, ok := arrayIndex(k); return ok }) {
		return
	}
	at := make([]int, len(j.keys))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int {
		na, aok := arrayIndex(j.keys[a])
		nb, bok := arrayIndex(j.keys[b])
		switch {
		case aok && bok:
			return na - nb
		case aok:
			return -1
		case bok:
			return 1
		}
		return 0
	})
	keys, items := make([][]byte, len(at)), make([]JSON, len(at))
	for i, from := range at {
		keys[i], items[i] = j.keys[from], j.items[from]
	}
	j.keys, j.items = keys, items
	if j.at != nil {
		for i, k := range keys {
			j.at[string(k)] = i
		}
	}
}

// arrayIndex reads a canonical array index: 0, 1, 12, not 01.
func arrayIndex(key []byte) (int, bool) {
	if len(key) == 0 || len(key) > 10 || key[0] == '0' && len(key) > 1 {
		return 0, false
	}
	n := 0
	for _, c := range key {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, n < math.MaxUint32
}

// AppendText appends j as JSON text: no spaces, as few escapes as possible, REALs as 1.0.
func (j JSON) AppendText(b []byte) []byte {
	switch j.kind {
	case jsonBool:
		return strconv.AppendBool(b, j.truth)
	case jsonInteger:
		return append(b, j.text...)
	case jsonReal:
		return AppendReal(b, j.real)
	case jsonString:
		return AppendQuoted(b, j.text)
	case jsonArray:
		b = append(b, '[')
		for i, item := range j.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.AppendText(b)
		}
		return append(b, ']')
	case jsonObject:
		b = append(b, '{')
		for i, item := range j.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(AppendQuoted(b, j.keys[i]), ':')
			b = item.AppendText(b)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

// Value is j as an SQL value: scalars by type, objects and arrays as their text, null as NULL.
func (j JSON) Value() Value {
	switch j.kind {
	case jsonNull:
		return Value{}
	case jsonBool:
		return Bool(j.truth)
	case jsonInteger:
		return integerOf(j.text)
	case jsonReal:
		return Float(j.real)
	case jsonString:
		return TextOf(j.text)
	}
	return TextOf(j.AppendText(nil))
}

// integerOf is an INTEGER, or a REAL if the digits are too many.
func integerOf(digits []byte) Value {
	if n, err := strconv.ParseInt(string(digits), 10, 64); err == nil {
		return Int(n)
	}
	f, _, err := big.ParseFloat(string(digits), 10, 64, big.ToNearestEven)
	if err != nil {
		return Value{}
	}
	real, _ := f.Float64()
	return Float(real)
}

// IsObject says whether j is an object.
func (j JSON) IsObject() bool { return j.kind == jsonObject }

// Member is the value of an object's key.
func (j JSON) Member(key string) (JSON, bool) {
	if j.kind == jsonObject {
		if at, ok := j.find([]byte(key)); ok {
			return j.items[at], true
		}
	}
	return JSON{}, false
}
