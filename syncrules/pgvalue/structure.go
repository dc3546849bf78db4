package pgvalue

import (
	"bytes"

	"github.com/weirsync/weir/syncrules/value"
)

// appendStructure appends an array, composite, range or multirange as JSON text. ok is false if text is not one.
func (d *Decoder) appendStructure(b, text []byte) (out []byte, ok bool) {
	switch d.form {
	case formArray:
		return d.appendArray(b, text)
	case formComposite:
		return d.appendComposite(b, text)
	case formRange:
		return d.appendRange(b, text)
	}
	return d.appendMultirange(b, text)
}

// scanner reads the quoting that arrays, composites and ranges share.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) accept(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

// item reads up to one of stops. quoted says whether any part of it was quoted: then it is never NULL. The result is never
// nil.
func (s *scanner) item(stops string) (item []byte, quoted, ok bool) {
	item = []byte{}
	for inside := false; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '\\' && s.at+1 < len(s.text):
			s.at++
			item = append(item, s.text[s.at])
		case c == '"' && inside && s.at+1 < len(s.text) && s.text[s.at+1] == '"':
			s.at++
			item = append(item, '"')
		case c == '"':
			inside, quoted = !inside, true
		case !inside && bytes.IndexByte([]byte(stops), c) >= 0:
			return item, quoted, true
		default:
			item = append(item, c)
		}
	}
	return nil, false, false
}

const maxDimensions = 6

func (d *Decoder) appendArray(b, text []byte) ([]byte, bool) {
	if len(text) > 0 && text[0] == '[' { // [2:3]={..}: lower bounds
		at := bytes.IndexByte(text, '=')
		if at < 0 {
			return nil, false
		}
		text = text[at+1:]
	}
	s := &scanner{text: text}
	b, ok := d.appendDimension(b, s, 1)
	return b, ok && s.at == len(text)
}

func (d *Decoder) appendDimension(b []byte, s *scanner, depth int) ([]byte, bool) {
	if !s.accept('{') || depth > maxDimensions {
		return nil, false
	}
	b = append(b, '[')
	if s.accept('}') {
		return append(b, ']'), true
	}
	stops := string([]byte{d.delim, '}', '{'})
	for ; ; b = append(b, ',') {
		var ok bool
		if s.at < len(s.text) && s.text[s.at] == '{' {
			b, ok = d.appendDimension(b, s, depth+1)
		} else {
			var item []byte
			var quoted bool
			if item, quoted, ok = s.item(stops); ok {
				if !quoted && string(item) == "NULL" {
					item = nil
				}
				b, ok = d.elem.appendElement(b, item)
			}
		}
		switch {
		case !ok:
			return nil, false
		case s.accept('}'):
			return append(b, ']'), true
		case !s.accept(d.delim):
			return nil, false
		}
	}
}

func (d *Decoder) appendComposite(b, text []byte) ([]byte, bool) {
	s := &scanner{text: text}
	if !s.accept('(') {
		return nil, false
	}
	b = append(b, '{')
	for i, f := range d.fields {
		item, quoted, ok := s.item(",)")
		if !ok {
			return nil, false
		}
		if len(item) == 0 && !quoted {
			item = nil
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(value.AppendQuoted(b, []byte(f.name)), ':')
		if b, ok = f.decoder.appendElement(b, item); !ok {
			return nil, false
		}
		if i < len(d.fields)-1 && !s.accept(',') {
			return nil, false
		}
	}
	return append(b, '}'), s.accept(')') && s.at == len(text)
}

func (d *Decoder) appendRange(b, text []byte) ([]byte, bool) {
	if string(text) == "empty" {
		return append(b, `"empty"`...), true
	}
	s := &scanner{text: text}
	b, ok := d.appendBounds(b, s)
	return b, ok && s.at == len(text)
}

// appendBounds reads [lower,upper) and its like.
func (d *Decoder) appendBounds(b []byte, s *scanner) ([]byte, bool) {
	lowerOpen := s.accept('(')
	if !lowerOpen && !s.accept('[') {
		return nil, false
	}
	b = append(b, `{"lower":`...)
	b, ok := d.appendBound(b, s, ",")
	if !ok || !s.accept(',') {
		return nil, false
	}
	b = append(b, `,"upper":`...)
	if b, ok = d.appendBound(b, s, ")]"); !ok {
		return nil, false
	}
	upperOpen := s.accept(')')
	if !upperOpen && !s.accept(']') {
		return nil, false
	}
	b = append(append(b, `,"lower_exclusive":`...), digit(lowerOpen))
	b = append(append(b, `,"upper_exclusive":`...), digit(upperOpen))
	return append(b, '}'), true
}

func digit(b bool) byte {
	if b {
		return '1'
	}
	return '0'
}

func (d *Decoder) appendBound(b []byte, s *scanner, stops string) ([]byte, bool) {
	item, quoted, ok := s.item(stops)
	if !ok {
		return nil, false
	}
	if len(item) == 0 && !quoted {
		item = nil
	}
	return d.elem.appendElement(b, item)
}

func (d *Decoder) appendMultirange(b, text []byte) ([]byte, bool) {
	s := &scanner{text: text}
	if !s.accept('{') {
		return nil, false
	}
	// The range's own decoder may be a domain's or text if types are not known: then nothing here can be read.
	if d.elem.form != formRange {
		return nil, false
	}
	b = append(b, '[')
	for first := true; !s.accept('}'); first = false {
		if !first {
			if !s.accept(',') {
				return nil, false
			}
			b = append(b, ',')
		}
		var ok bool
		if b, ok = d.elem.appendBounds(b, s); !ok {
			return nil, false
		}
	}
	return append(b, ']'), s.at == len(text)
}
