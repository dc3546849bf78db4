package value

import (
	"bytes"
	"errors"
	"math"
)

var errNotWhole = errors.New("NaN or infinity cannot become an INTEGER")

func castText(args []Value) (Value, error) {
	if k := args[0].kind; k == Null || k == Text {
		return args[0], nil
	}
	return TextOf(args[0].asText()), nil
}

func castBlob(args []Value) (Value, error) {
	if args[0].IsNull() {
		return Value{}, nil
	}
	return BlobOf(args[0].asText()), nil
}

// castInteger floors REALs, as the reference does: CAST(-2.9 AS INTEGER) is -3.
func castInteger(args []Value) (Value, error) {
	switch v := args[0]; v.kind {
	case Null, Integer:
		return v, nil
	case Real:
		f := v.Float64()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return Value{}, errNotWhole
		}
		return fromFloat(math.Floor(f)), nil
	default:
		return leadingNumber(leadingDigits(v.text)), nil
	}
}

// leadingDigits is the space, sign and digits that text starts with.
func leadingDigits(text []byte) []byte {
	text = bytes.TrimLeft(text, " \t\n\v\f\r")
	end := 0
	if end < len(text) && (text[end] == '-' || text[end] == '+') {
		end++
	}
	for end < len(text) && isDigit(text[end]) {
		end++
	}
	return text[:end]
}

func castReal(args []Value) (Value, error) {
	if args[0].IsNull() {
		return Value{}, nil
	}
	return Float(args[0].number().float()), nil
}

func castNumeric(args []Value) (Value, error) {
	if args[0].IsNull() {
		return Value{}, nil
	}
	return args[0].number(), nil
}
