package value

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// appendJSNumber appends f as JavaScript's String(f) does.
func appendJSNumber(b []byte, f float64) []byte {
	switch abs := math.Abs(f); {
	case f == 0:
		return append(b, '0')
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	case abs >= 1e21 || abs < 1e-6:
		return trimExponent(strconv.AppendFloat(b, f, 'e', -1, 64), len(b))
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

// trimExponent turns Go's e-07 into e-7.
func trimExponent(b []byte, from int) []byte {
	e := bytes.LastIndexByte(b, 'e')
	if e >= from && e+2 < len(b)-1 && b[e+2] == '0' {
		b = append(b[:e+2], b[e+3:]...)
	}
	return b
}

// AppendReal appends f as a JSON number that is a REAL by its form: 2.0, 0.5, 1e+21; null if JSON cannot hold it.
func AppendReal(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	from := len(b)
	b = appendJSNumber(b, f)
	if !bytes.ContainsAny(b[from:], ".e") {
		b = append(b, ".0"...)
	}
	return b
}

const hexDigits = "0123456789abcdef"

// AppendQuoted appends text as a JSON string with as few escapes as JSON.stringify. Bytes that are not UTF-8 become U+FFFD.
func AppendQuoted(b, text []byte) []byte {
	b = append(b, '"')
	start := 0
	for i := plainLen(text); i < len(text); i += plainLen(text[i:]) {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, text[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += size
			continue
		}
		b = appendEscape(append(b, text[start:i]...), c)
		i++
		start = i
	}
	return append(append(b, text[start:]...), '"')
}

// plainLen is how many bytes at the start of text are ASCII that JSON strings hold as it is. Looking at eight together takes a third
// of the time.
func plainLen(text []byte) int {
	const (
		ones = 0x0101010101010101
		high = 0x80 * ones
	)
	i := 0
	for ; i+8 <= len(text); i += 8 {
		x := binary.LittleEndian.Uint64(text[i:])
		quote, slash := x^'"'*ones, x^'\\'*ones
		// The high bit of each byte: not ASCII, or below a space, or a quote, or a backslash. A borrow can only mark a byte behind one that is marked.
		if marks := (x | (x-' '*ones)&^x | (quote-ones)&^quote | (slash-ones)&^slash) & high; marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// leadingNumber reads the number that text starts with, as INTEGER or, with a fraction or exponent, REAL; INTEGER 0 if there
// is none.
func leadingNumber(text []byte) Value {
	text = bytes.TrimLeft(text, " \t\n\v\f\r")
	end, digits, isReal := 0, 0, false
	if end < len(text) && (text[end] == '-' || text[end] == '+') {
		end++
	}
	for ; end < len(text); end++ {
		if text[end] == '.' && !isReal {
			isReal = true
		} else if isDigit(text[end]) {
			digits++
		} else {
			break
		}
	}
	if digits == 0 {
		return Int(0)
	}
	if n := exponentLen(text[end:]); n > 0 {
		end, isReal = end+n, true
	}
	number := string(text[:end])
	if !isReal {
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			return Int(n)
		}
	}
	f, _ := strconv.ParseFloat(number, 64) // out of range gives an infinity, as in JavaScript
	return Float(f)
}

func exponentLen(text []byte) int {
	if len(text) == 0 || text[0] != 'e' && text[0] != 'E' {
		return 0
	}
	at := 1
	if at < len(text) && (text[at] == '-' || text[at] == '+') {
		at++
	}
	from := at
	for at < len(text) && isDigit(text[at]) {
		at++
	}
	if at == from {
		return 0
	}
	return at
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// number is v as a number, for arithmetic and truth: text by its leading number.
func (v Value) number() Value {
	switch v.kind {
	case Integer, Real:
		return v
	}
	return leadingNumber(v.text)
}

// float is a number as a double.
func (v Value) float() float64 {
	if v.kind == Integer {
		return float64(v.Int64())
	}
	return v.Float64()
}

// fromFloat is the INTEGER f if it is whole and fits, else a REAL.
func fromFloat(f float64) Value {
	if f == math.Trunc(f) && f >= -(1<<63) && f < 1<<63 {
		return Int(int64(f))
	}
	return Float(f)
}
