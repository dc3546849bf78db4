package value

import (
	"bytes"
	"errors"
	"math/big"
	"unicode/utf8"
)

var errBlobs = errors.New("two BLOBs cannot be compared")

// Compare orders two values that are not NULL: numbers, then TEXT, then BLOB.
func Compare(a, b Value) (int, error) {
	switch ca, cb := class(a), class(b); {
	case ca != cb:
		return ca - cb, nil
	case a.kind == Blob:
		return 0, errBlobs
	case a.kind == Text:
		return compareText(a.text, b.text), nil
	}
	return compareNumbers(a, b), nil
}

func class(v Value) int {
	switch v.kind {
	case Blob:
		return 2
	case Text:
		return 1
	}
	return 0
}

// compareNumbers compares by value, exactly: an INTEGER past 2^53 differs from its neighbour's double.
func compareNumbers(a, b Value) int {
	if a.kind == Integer && b.kind == Integer {
		return order(a.Int64(), b.Int64())
	}
	fa, fb := a.float(), b.float()
	if fa != fb || a.kind == b.kind {
		return order(fa, fb)
	}
	if fa != fa || fa-fa != 0 { // NaN or infinite
		return 0
	}
	return exact(a).Cmp(exact(b))
}

func exact(v Value) *big.Float {
	f := new(big.Float).SetPrec(64)
	if v.kind == Integer {
		return f.SetInt64(v.Int64())
	}
	return f.SetFloat64(v.Float64())
}

func order[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// compareText orders by UTF-16 code units, which differs from UTF-8's order where only one side is beyond U+FFFF.
func compareText(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(a) && n < len(b) && (!utf8.RuneStart(a[n]) || !utf8.RuneStart(b[n])) {
		n--
	}
	ra, _ := utf8.DecodeRune(a[n:])
	rb, _ := utf8.DecodeRune(b[n:])
	if astral := ra > 0xFFFF; astral != (rb > 0xFFFF) && min(ra, rb) >= 0xE000 {
		if astral {
			return -1
		}
		return 1
	}
	return bytes.Compare(a, b)
}

// Equal is a = b for values that are not NULL.
func Equal(a, b Value) (bool, error) {
	c, err := Compare(a, b)
	return c == 0, err
}

// Truth says whether a condition with this result holds: NULL and BLOB do not.
func Truth(v Value) bool {
	if v.kind == Null || v.kind == Blob {
		return false
	}
	return v.number().float() != 0
}

// compare makes an operator of a test on the order.
func compare(test func(order int) bool) func([]Value) (Value, error) {
	return func(args []Value) (Value, error) {
		if args[0].IsNull() || args[1].IsNull() {
			return Value{}, nil
		}
		c, err := Compare(args[0], args[1])
		if err != nil {
			return Value{}, err
		}
		return Bool(test(c)), nil
	}
}
