package syncrules

import (
	"bytes"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// alignScalar finds where each byte of a decoded scalar stands in the source, so that faults in SQL point into the file.
// Decoding only folds white space, strips indentation and resolves escapes: walking both texts at once finds the rest.
// The result has one more entry, for the end.
func alignScalar(source []byte, start int, decoded string, style token.Type) []int {
	at := scalarStart(source, start, decoded, style)
	switch style {
	case token.DoubleQuoteType, token.SingleQuoteType:
		at++
	case token.LiteralType:
		if line := bytes.IndexByte(source[at:], '\n'); line >= 0 {
			at += line + 1
		}
	}
	offsets := make([]int, len(decoded)+1)
	for i := 0; i < len(decoded); {
		if n := len(decoded[i:]) - len(strings.TrimLeft(decoded[i:], " \t\r\n")); n > 0 {
			for range n {
				offsets[i] = min(at, len(source))
				i++
			}
			at = skipFolded(source, at, style)
			continue
		}
		at = skipTo(source, at, decoded[i], style)
		offsets[i] = min(at, len(source))
		width := escapeWidth(source, at, style)
		if width > 1 {
			// An escape may stand for several bytes: they all stand where it stands.
			for n := escapedBytes(decoded[i:]); n > 1 && i+1 < len(decoded); n-- {
				i++
				offsets[i] = min(at, len(source))
			}
		}
		at += width
		i++
	}
	offsets[len(decoded)] = min(at, len(source))
	if len(decoded) > 0 {
		offsets[len(decoded)] = min(offsets[len(decoded)-1]+1, len(source))
	}
	return offsets
}

// scalarStart corrects where the YAML library says that a scalar starts: white space at the end of its first line moves it.
func scalarStart(source []byte, start int, decoded string, style token.Type) int {
	first, _, _ := strings.Cut(decoded, " ")
	switch style {
	case token.DoubleQuoteType:
		first = `"`
	case token.SingleQuoteType:
		first = "'"
	case token.LiteralType:
		return start
	}
	line := bytes.LastIndexByte(source[:start], '\n') + 1
	if at := bytes.LastIndex(source[line:min(start+len(first), len(source))], []byte(first)); at >= 0 && first != "" {
		return line + at
	}
	return start
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// skipFolded skips white space as written: real or, in double quotes, escaped.
func skipFolded(source []byte, at int, style token.Type) int {
	for at < len(source) {
		switch {
		case isSpace(source[at]):
			at++
		case style == token.DoubleQuoteType && source[at] == '\\' && at+1 < len(source) && bytes.IndexByte([]byte("ntr \n"), source[at+1]) >= 0:
			at += 2
		default:
			return at
		}
	}
	return at
}

// skipTo skips white space that decoding has removed before c.
func skipTo(source []byte, at int, c byte, style token.Type) int {
	for at < len(source) && source[at] != c && isSpace(source[at]) {
		at++
	}
	if style == token.DoubleQuoteType && at+1 < len(source) && source[at] == '\\' && source[at+1] == '\n' {
		return skipFolded(source, at+2, style)
	}
	return at
}

// escapeWidth is how many bytes of the source the character at at takes.
func escapeWidth(source []byte, at int, style token.Type) int {
	if at+1 >= len(source) {
		return 1
	}
	switch {
	case style == token.SingleQuoteType && source[at] == '\'':
		return 2
	case style == token.DoubleQuoteType && source[at] == '\\':
		switch source[at+1] {
		case 'x':
			return 4
		case 'u':
			return 6
		case 'U':
			return 10
		}
		return 2
	}
	return 1
}

func escapedBytes(s string) int {
	for i := range s {
		if i > 0 {
			return i
		}
	}
	return len(s)
}
