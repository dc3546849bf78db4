package sql

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// operators, longest first.
var operators = []string{
	"->>", "!~*", "->", "::", "||", "&&", "<<", ">>", "<=", ">=", "<>", "!=", "~*", "!~", "@>", "<@",
	"(", ")", "[", "]", ",", ";", ".", "+", "-", "*", "/", "%", "^", "=", "<", ">", "|", "&", "~", "#", "?", "@", "!", ":", "$",
}

// lex splits text into tokens; the last one is tokenEnd.
func lex(text string) ([]token, *Error) {
	var tokens []token
	for at := 0; ; {
		next, err := skipSpace(text, at)
		if err != nil {
			return nil, err
		}
		at = next
		if at == len(text) {
			return append(tokens, token{Span: Span{at, at}}), nil
		}
		t, err := lexOne(text, at)
		if err != nil {
			return nil, err
		}
		t.raw = text[t.Start:t.End]
		tokens = append(tokens, t)
		at = t.End
	}
}

// skipSpace skips white space and comments.
func skipSpace(text string, at int) (int, *Error) {
	for at < len(text) {
		r, size := utf8.DecodeRuneInString(text[at:])
		rest := text[at:]
		switch {
		case unicode.IsSpace(r):
			at += size
		case strings.HasPrefix(rest, "--"):
			line := strings.IndexByte(rest, '\n')
			if line < 0 {
				return len(text), nil
			}
			at += line + 1
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return 0, &Error{Span: Span{at, at + 2}, Message: "this comment is not closed", Hint: "end it with */"}
			}
			at += 2 + end + 2
		default:
			return at, nil
		}
	}
	return at, nil
}

func lexOne(text string, at int) (token, *Error) {
	r, size := utf8.DecodeRuneInString(text[at:])
	switch {
	case r == '\'':
		return lexString(text, at, at, false)
	case (r == 'e' || r == 'E') && strings.HasPrefix(text[at+1:], "'"):
		return lexString(text, at, at+1, true)
	case r == '"':
		return lexQuoted(text, at)
	case isDigit(r) || r == '.' && at+1 < len(text) && isDigit(rune(text[at+1])):
		return lexNumber(text, at)
	case r == '_' || unicode.IsLetter(r):
		end := at + wordLen(text[at:])
		return token{Span: Span{at, end}, kind: tokenWord, text: strings.ToLower(text[at:end])}, nil
	}
	for _, op := range operators {
		if strings.HasPrefix(text[at:], op) {
			return token{Span: Span{at, at + len(op)}, kind: tokenOp, text: op}, nil
		}
	}
	return token{}, &Error{Span: Span{at, at + size}, Message: "unexpected character"}
}

func wordLen(s string) int {
	for i, r := range s {
		if r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return i
		}
	}
	return len(s)
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func lexNumber(text string, at int) (token, *Error) {
	end, dots := at, 0
	for end < len(text) && (isDigit(rune(text[end])) || text[end] == '.' && dots == 0) {
		if text[end] == '.' {
			dots++
		}
		end++
	}
	if n := wordLen(text[end:]); n > 0 {
		return token{}, &Error{
			Span: Span{at, end + n}, Message: "not a number: " + text[at:end+n],
			Hint: "numbers are written 12 or 1.5; there is no exponent form",
		}
	}
	kind := tokenInt
	if dots > 0 {
		kind = tokenDecimal
	}
	return token{Span: Span{at, end}, kind: kind, text: text[at:end]}, nil
}

// lexString reads a string whose quote is at quote; start is where the token starts (an E may come first).
func lexString(text string, start, quote int, escapes bool) (token, *Error) {
	var b strings.Builder
	for at := quote + 1; at < len(text); at++ {
		switch c := text[at]; {
		case c == '\'' && strings.HasPrefix(text[at+1:], "'"):
			b.WriteByte(c)
			at++
		case c == '\'':
			return token{Span: Span{start, at + 1}, kind: tokenString, text: b.String()}, nil
		case c == '\\' && escapes && at+1 < len(text):
			at++
			b.WriteByte(unescaped(text[at]))
		default:
			b.WriteByte(c)
		}
	}
	return token{}, &Error{Span: Span{start, len(text)}, Message: "this string is not closed", Hint: "end it with '"}
}

func unescaped(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	}
	return c
}

func lexQuoted(text string, at int) (token, *Error) {
	var b strings.Builder
	for i := at + 1; i < len(text); i++ {
		switch {
		case text[i] == '"' && strings.HasPrefix(text[i+1:], `"`):
			b.WriteByte('"')
			i++
		case text[i] == '"' && b.Len() == 0:
			return token{}, &Error{Span: Span{at, i + 1}, Message: "a name cannot be empty"}
		case text[i] == '"':
			return token{Span: Span{at, i + 1}, kind: tokenQuoted, text: b.String()}, nil
		default:
			b.WriteByte(text[i])
		}
	}
	return token{}, &Error{Span: Span{at, len(text)}, Message: "this quoted name is not closed", Hint: `end it with "`}
}
