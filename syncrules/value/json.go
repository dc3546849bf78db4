package value

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth bounds nesting, as everything that works on trees recurses.
const maxJSONDepth = 500

// ParseJSON parses strictly. Integers of any size stay exact; an object may repeat a key only with the same value.
func ParseJSON(text []byte) (JSON, error) { return parseJSON(text, false) }

// ParseRequestJSON parses what came with a request, as the reference sees it: every number is a double, and of a repeated
// key the last value counts.
func ParseRequestJSON(text []byte) (JSON, error) { return parseJSON(text, true) }

func parseJSON(text []byte, doubles bool) (JSON, error) {
	p := jsonParser{text: text, doubles: doubles}
	p.space()
	j, err := p.value(0)
	if err != nil {
		return JSON{}, err
	}
	if p.space(); p.at < len(text) {
		return JSON{}, p.fail("end of JSON expected")
	}
	return j, nil
}

type jsonParser struct {
	text    []byte
	at      int
	doubles bool
}

func (p *jsonParser) fail(what string) error {
	if p.at >= len(p.text) {
		what += ", but the text ends"
	}
	return fmt.Errorf("bad JSON: %s at byte %d", what, p.at)
}

func (p *jsonParser) space() {
	for p.at < len(p.text) && bytes.IndexByte([]byte(" \t\r\n"), p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *jsonParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *jsonParser) value(depth int) (JSON, error) {
	if depth > maxJSONDepth {
		return JSON{}, p.fail("less nesting expected")
	}
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.string()
		return JSON{kind: jsonString, text: s}, err
	case c == '-' || isDigit(c):
		return p.number()
	case p.word("null"):
		return JSON{}, nil
	case p.word("true"):
		return JSON{kind: jsonBool, truth: true}, nil
	case p.word("false"):
		return JSON{kind: jsonBool}, nil
	}
	return JSON{}, p.fail("value expected")
}

func (p *jsonParser) word(w string) bool {
	if !bytes.HasPrefix(p.text[p.at:], []byte(w)) {
		return false
	}
	p.at += len(w)
	return true
}

func (p *jsonParser) array(depth int) (JSON, error) {
	p.at++
	j := JSON{kind: jsonArray}
	for p.space(); p.peek() != ']'; {
		item, err := p.value(depth + 1)
		if err != nil {
			return JSON{}, err
		}
		j.items = append(j.items, item)
		if p.space(); p.peek() == ']' {
			break
		}
		if p.peek() != ',' {
			return JSON{}, p.fail("comma or ] expected")
		}
		p.at++
		p.space()
		if p.peek() == ']' {
			return JSON{}, p.fail("value expected")
		}
	}
	p.at++
	return j, nil
}

func (p *jsonParser) object(depth int) (JSON, error) {
	p.at++
	j := JSON{kind: jsonObject}
	for p.space(); p.peek() != '}'; {
		if p.peek() != '"' {
			return JSON{}, p.fail("quoted key expected")
		}
		key, err := p.string()
		if err != nil {
			return JSON{}, err
		}
		if p.space(); p.peek() != ':' {
			return JSON{}, p.fail("colon expected")
		}
		p.at++
		p.space()
		item, err := p.value(depth + 1)
		if err != nil {
			return JSON{}, err
		}
		switch at, repeated := j.find(key); {
		case !repeated:
			j.index(key)
			j.keys, j.items = append(j.keys, key), append(j.items, item)
		case p.doubles:
			j.items[at] = item
		case !bytes.Equal(item.AppendText(nil), j.items[at].AppendText(nil)):
			return JSON{}, p.fail("no repeated key expected")
		}
		if p.space(); p.peek() == '}' {
			break
		}
		if p.peek() != ',' {
			return JSON{}, p.fail("comma or } expected")
		}
		p.at++
		if p.space(); p.peek() == '}' {
			return JSON{}, p.fail("quoted key expected")
		}
	}
	p.at++
	j.sortKeys()
	return j, nil
}

func (p *jsonParser) string() ([]byte, error) {
	p.at++
	start := p.at
	for p.at < len(p.text) && p.text[p.at] >= ' ' && p.text[p.at] != '"' && p.text[p.at] != '\\' {
		p.at++
	}
	if p.peek() == '"' {
		p.at++
		return p.text[start : p.at-1], nil
	}
	s := slices.Clone(p.text[start:p.at])
	for {
		switch c := p.peek(); {
		case c == '"':
			p.at++
			return s, nil
		case c < ' ':
			return nil, p.fail("character or closing quote expected")
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return nil, err
			}
			s = utf8.AppendRune(s, r)
		default:
			s = append(s, c)
			p.at++
		}
	}
}

func (p *jsonParser) escape() (rune, error) {
	p.at++
	c := p.peek()
	if at := bytes.IndexByte([]byte(`"\/bfnrt`), c); at >= 0 && c != 0 {
		p.at++
		return rune("\"\\/\b\f\n\r\t"[at]), nil
	}
	if c != 'u' {
		return 0, p.fail("escape expected")
	}
	r, err := p.unicode()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if bytes.HasPrefix(p.text[p.at:], []byte(`\u`)) {
		p.at++
		low, err := p.unicode()
		return utf16.DecodeRune(r, low), err
	}
	return utf8.RuneError, nil
}

func (p *jsonParser) unicode() (rune, error) {
	p.at++
	if p.at+4 > len(p.text) {
		p.at = len(p.text)
		return 0, p.fail("four hex digits expected")
	}
	n, err := strconv.ParseUint(string(p.text[p.at:p.at+4]), 16, 16)
	if err != nil {
		return 0, p.fail("four hex digits expected")
	}
	p.at += 4
	return rune(n), nil
}

func (p *jsonParser) number() (JSON, error) {
	start := p.at
	if p.peek() == '-' {
		p.at++
	}
	digits := p.digits()
	if digits == 0 {
		return JSON{}, p.fail("digit expected")
	}
	if first := p.text[p.at-digits]; first == '0' && digits > 1 {
		return JSON{}, p.fail("number without leading zero expected")
	}
	isReal := p.doubles
	if p.peek() == '.' {
		p.at++
		isReal = true
		if p.digits() == 0 {
			return JSON{}, p.fail("digit expected")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		n := exponentLen(p.text[p.at:])
		if n == 0 {
			return JSON{}, p.fail("exponent expected")
		}
		p.at += n
		isReal = true
	}
	text := p.text[start:p.at]
	if !isReal {
		if string(text) == "-0" {
			text = text[1:]
		}
		return JSON{kind: jsonInteger, text: text}, nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return JSON{}, p.fail("number in the range of a double expected")
	}
	return JSON{kind: jsonReal, real: f}, nil
}

func (p *jsonParser) digits() int {
	start := p.at
	for isDigit(p.peek()) {
		p.at++
	}
	return p.at - start
}
