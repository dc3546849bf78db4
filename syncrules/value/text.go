package value

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// onText makes a function of the text form; NULL gives NULL.
func onText(f func(text []byte) Value) func([]Value) (Value, error) {
	return func(args []Value) (Value, error) {
		if args[0].IsNull() {
			return Value{}, nil
		}
		return f(args[0].asText()), nil
	}
}

var (
	upper = onText(func(t []byte) Value { return TextOf(cases.Upper(language.Und).Bytes(t)) })
	lower = onText(func(t []byte) Value { return TextOf(cases.Lower(language.Und).Bytes(t)) })
)

func length(args []Value) (Value, error) {
	switch v := args[0]; v.kind {
	case Null:
		return Value{}, nil
	case Blob:
		return Int(int64(len(v.text))), nil
	default:
		return Int(int64(units(v.asText()))), nil
	}
}

// units counts UTF-16 code units.
func units(text []byte) int {
	n := 0
	for _, r := range string(text) {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// substring is SQLite's substr over UTF-16 code units.
func substring(args []Value) (Value, error) {
	for _, a := range args {
		if a.IsNull() {
			return Value{}, nil
		}
	}
	text := utf16.Encode([]rune(string(args[0].asText())))
	start, n := clampInt(args[1]), int64(len(text))
	if len(args) > 2 {
		n = clampInt(args[2])
	} else if start == 0 {
		start = 1
	}
	from, count := substringRange(int64(len(text)), start, n)
	return String(string(utf16.Decode(text[from : from+count]))), nil
}

func substringRange(size, start, n int64) (from, count int64) {
	switch {
	case start < 0:
		if start += size; start < 0 {
			if n >= 0 {
				n = max(n+start, 0)
			}
			start = 0
		}
	case start > 0:
		start--
	case n > 0:
		n--
	}
	if n < 0 {
		n = -n
		if start -= n; start < 0 {
			n, start = n+start, 0
		}
	}
	start = min(start, size)
	return start, min(n, size-start)
}

// clampInt is v as an integer that arithmetic on lengths cannot overflow.
func clampInt(v Value) int64 {
	const limit = 1 << 40
	n := v.number()
	if n.kind == Real {
		return int64(max(min(n.Float64(), limit), -limit))
	}
	return max(min(n.Int64(), limit), -limit)
}

// instr is the 1-based place of the second in the first, in bytes for two BLOBs, else in UTF-16 units; 0 if absent.
func instr(args []Value) (Value, error) {
	a, b := args[0], args[1]
	if a.IsNull() || b.IsNull() {
		return Value{}, nil
	}
	at := bytes.Index(a.asText(), b.asText())
	if at >= 0 && (a.kind != Blob || b.kind != Blob) {
		at = units(a.asText()[:at])
	}
	return Int(int64(at) + 1), nil
}

func hexOf(args []Value) (Value, error) {
	return String(strings.ToUpper(hex.EncodeToString(args[0].asText()))), nil
}

func base64Of(args []Value) (Value, error) {
	return String(base64.StdEncoding.EncodeToString(args[0].asText())), nil
}

func uuidBlob(args []Value) (Value, error) {
	if args[0].IsNull() {
		return Value{}, nil
	}
	text := args[0].asText()
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return Value{}, errors.New("not a UUID")
	}
	id, err := hex.DecodeString(strings.ReplaceAll(string(text), "-", ""))
	if err != nil || len(id) != 16 {
		return Value{}, errors.New("not a UUID")
	}
	return BlobOf(id), nil
}

func typeOf(args []Value) (Value, error) { return String(args[0].kind.String()), nil }

func ifNull(args []Value) (Value, error) {
	if args[0].IsNull() {
		return args[1], nil
	}
	return args[0], nil
}

func iif(args []Value) (Value, error) {
	if Truth(args[0]) {
		return args[1], nil
	}
	return args[2], nil
}
