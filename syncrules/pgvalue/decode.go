package pgvalue

import (
	"bytes"
	"encoding/hex"
	"strconv"

	"github.com/weirsync/weir/syncrules/value"
)

type form uint8

const (
	formText form = iota
	formInteger
	formReal
	formBool
	formBytea
	formJSON
	formDate
	formTime
	formTimestamp
	formTimestamptz
	formLSN
	formArray
	formComposite
	formRange
	formMultirange
)

var baseForms = map[string]form{
	"int2": formInteger, "int4": formInteger, "int8": formInteger, "oid": formInteger, "float4": formReal, "float8": formReal,
	"bool": formBool, "bytea": formBytea, "json": formJSON, "jsonb": formJSON, "date": formDate, "time": formTime,
	"timestamp": formTimestamp, "timestamptz": formTimestamptz, "pg_lsn": formLSN,
}

// Decoder decodes the texts of one type. Immutable.
type Decoder struct {
	form    form
	options Options
	elem    *Decoder
	delim   byte
	fields  []field
}

type field struct {
	name    string
	decoder *Decoder
}

// maxTypeDepth bounds types in types: a composite can hold an array of itself.
const maxTypeDepth = 16

// NewDecoder returns the decoder of t; a nil type is text.
func NewDecoder(t *Type, o Options) *Decoder { return newDecoder(t, o, 0) }

func newDecoder(t *Type, o Options, depth int) *Decoder {
	d := &Decoder{options: o}
	if t == nil || depth > maxTypeDepth {
		return d
	}
	switch t.Kind {
	case TypeBase, 0:
		d.form = baseForms[t.Name]
	case TypeArray:
		return newArray(t, o, depth)
	case TypeDomain:
		if o.Custom {
			return newDecoder(t.Elem, o, depth+1)
		}
	case TypeComposite:
		if o.Custom {
			d.form = formComposite
			for _, f := range t.Fields {
				d.fields = append(d.fields, field{f.Name, newDecoder(f.Type, o, depth+1)})
			}
		}
	case TypeRange:
		if o.Custom {
			d.form, d.elem = formRange, newDecoder(t.Elem, o, depth+1)
		}
	case TypeMultirange:
		if o.Custom {
			d.form, d.elem = formMultirange, newDecoder(t.Elem, o, depth+1)
		}
	}
	return d
}

func newArray(t *Type, o Options, depth int) *Decoder {
	if t.Elem == nil || t.Elem.Kind != TypeBase && !o.Custom {
		return &Decoder{options: o}
	}
	d := &Decoder{form: formArray, options: o, elem: newDecoder(t.Elem, o, depth+1), delim: ','}
	if t.Delim != 0 && o.Custom {
		d.delim = t.Delim
	}
	return d
}

// IsBlob says whether every value is a BLOB, which rows leave out.
func (d *Decoder) IsBlob() bool { return d.form == formBytea }

// Decode decodes one value; nil is NULL. The result may share text.
func (d *Decoder) Decode(text []byte) value.Value {
	if text == nil {
		return value.Value{}
	}
	switch d.form {
	case formText, formJSON:
		return value.TextOf(text)
	case formInteger:
		if n, ok := parseInt(text); ok {
			return value.Int(n)
		}
	case formReal:
		if f, err := strconv.ParseFloat(string(text), 64); err == nil {
			return value.Float(f)
		}
	case formBool:
		return value.Bool(len(text) > 0 && text[0] == 't')
	case formBytea:
		return value.BlobOf(bytea(text))
	case formDate, formTime, formTimestamp, formTimestamptz, formLSN:
		out, null := d.appendTime(nil, text)
		if null {
			return value.Value{}
		}
		return value.TextOf(out)
	case formArray, formComposite, formRange, formMultirange:
		if out, ok := d.appendStructure(nil, text); ok {
			return value.TextOf(out)
		}
	}
	return value.TextOf(text)
}

// AppendJSON appends the value as row data has it. text must not be nil, and the decoder not one of BLOBs.
func (d *Decoder) AppendJSON(b, text []byte) []byte {
	switch d.form {
	case formText, formJSON:
		return value.AppendQuoted(b, text)
	case formInteger:
		if _, ok := parseInt(text); ok {
			return append(b, text...)
		}
	case formDate, formTime, formTimestamp, formTimestamptz, formLSN:
		out, null := d.appendTime(append(b, '"'), text)
		if null {
			return append(b, "null"...)
		}
		if plain(out[len(b)+1:]) {
			return append(out, '"')
		}
	}
	return d.Decode(text).AppendJSON(b)
}

// plain says whether a text needs no escapes in JSON.
func plain(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// appendElement appends a value inside an array, composite or range: JSON stays as it is, a BLOB is null.
func (d *Decoder) appendElement(b, text []byte) ([]byte, bool) {
	switch {
	case text == nil || d.form == formBytea:
		return append(b, "null"...), true
	case d.form == formJSON:
		return append(b, text...), true
	case d.form >= formArray:
		return d.appendStructure(b, text)
	}
	return d.AppendJSON(b, text), true
}

// parseInt reads what Postgres prints for an integer, in its only form.
func parseInt(text []byte) (int64, bool) {
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] == '0' && len(text) > 1 {
		return 0, false
	}
	var n uint64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	if len(digits) < len(text) {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n < 1<<63
}

// bytea reads the hex form and, for bytea_output = escape, the old one.
func bytea(text []byte) []byte {
	if bytes.HasPrefix(text, []byte(`\x`)) {
		out := make([]byte, hex.DecodedLen(len(text)-2))
		if _, err := hex.Decode(out, text[2:]); err == nil {
			return out
		}
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out = append(out, text[i])
			continue
		}
		if n, err := strconv.ParseUint(string(text[i+1:min(i+4, len(text))]), 8, 8); err == nil && i+4 <= len(text) {
			out = append(out, byte(n))
			i += 3
		} else if i+1 < len(text) {
			out = append(out, text[i+1])
			i++
		}
	}
	return out
}
