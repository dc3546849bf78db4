package replicator

import (
	"bytes"
	"errors"
	"fmt"
)

var errCopyFormat = errors.New("malformed COPY row")

// splitCopy takes a row of COPY's text format apart: len(values) columns, separated by tabs and ended by a newline. line is
// overwritten and belongs to the values afterwards: they are slices of it, nil for NULL. Unescaping never makes a value longer, so it
// happens in place.
//
//	row   = field { '\t' field } '\n'
//	field = '\N' | { byte | '\' ( 'b' 'f' 'n' 'r' 't' 'v' '\' ) }
func splitCopy(line []byte, values [][]byte) error {
	n := len(line)
	if n == 0 || line[n-1] != '\n' {
		return fmt.Errorf("%w: no end", errCopyFormat)
	}
	rest := line[:n-1]
	for i := range values {
		end := bytes.IndexByte(rest, '\t')
		if last := i == len(values)-1; last != (end < 0) {
			return fmt.Errorf("%w: want %d columns", errCopyFormat, len(values))
		}
		field := rest
		if end >= 0 {
			field, rest = rest[:end:end], rest[end+1:]
		}
		var err error
		if values[i], err = unescapeCopy(field[:len(field):len(field)]); err != nil {
			return err
		}
	}
	if len(values) == 0 && len(rest) > 0 {
		return fmt.Errorf("%w: want no columns", errCopyFormat)
	}
	return nil
}

// unescapeCopy decodes a field in place.
func unescapeCopy(field []byte) ([]byte, error) {
	at := bytes.IndexByte(field, '\\')
	if at < 0 {
		return field, nil
	}
	if len(field) == 2 && field[1] == 'N' {
		return nil, nil
	}
	out := field[:at]
	for i := at; i < len(field); i++ {
		c := field[i]
		if c == '\\' {
			i++
			if i == len(field) {
				return nil, fmt.Errorf("%w: lone backslash", errCopyFormat)
			}
			if c = unescaped(field[i]); c == 0 {
				return nil, fmt.Errorf("%w: unknown escape", errCopyFormat)
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// unescaped is the byte that Postgres writes as a backslash and c; 0 if there is none.
func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'v':
		return '\v'
	case '\\':
		return '\\'
	}
	return 0
}
