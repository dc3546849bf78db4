package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// kind is what a line of a sync stream is, as far as the driver needs to know.
type kind uint8

const (
	otherLine kind = iota
	checkpointLine
	diffLine
	dataLine
	completeLine
)

func kindOf(key []byte) kind {
	switch string(key) {
	case "checkpoint":
		return checkpointLine
	case "checkpoint_diff":
		return diffLine
	case "data":
		return dataLine
	case "checkpoint_complete":
		return completeLine
	}
	return otherLine
}

// lineReader reads a sync stream line by line.
type lineReader interface {
	// next returns the next line, whose bytes are valid until the next call.
	next() (kind, []byte, error)
}

// readSize is about what a socket gives at once.
const readSize = 256 << 10

// lineMax bounds a line: a page has about 1 MiB of data, or one row.
const lineMax = 16 << 20

var errLine = errors.New("line of a sync stream is malformed")

// bsonLines reads documents that stand back to back.
type bsonLines struct {
	r   *bufio.Reader
	buf []byte
}

func newBSONLines(r io.Reader) *bsonLines { return &bsonLines{r: bufio.NewReaderSize(r, readSize)} }

func (l *bsonLines) next() (kind, []byte, error) {
	head, err := l.r.Peek(4)
	if err != nil {
		return 0, nil, err
	}
	n := int(binary.LittleEndian.Uint32(head))
	if n > lineMax {
		return 0, nil, errLine
	}
	l.buf = grow(l.buf, n)
	if _, err := io.ReadFull(l.r, l.buf); err != nil {
		return 0, nil, err
	}
	k, err := bsonKind(l.buf)
	return k, l.buf, err
}

// grow returns a slice of n bytes, with b's memory if that is enough.
func grow(b []byte, n int) []byte {
	if n > cap(b) {
		return make([]byte, n, n+n/4)
	}
	return b[:n]
}

// bsonKind finds the kind of a line by its only key, which follows the length and the type of its value.
func bsonKind(doc []byte) (kind, error) {
	if len(doc) < 7 {
		return 0, errLine
	}
	end := bytes.IndexByte(doc[5:], 0)
	if end < 0 {
		return 0, errLine
	}
	return kindOf(doc[5 : 5+end]), nil
}

// jsonLines reads NDJSON.
type jsonLines struct {
	r   *bufio.Reader
	buf []byte
}

func newJSONLines(r io.Reader) *jsonLines { return &jsonLines{r: bufio.NewReaderSize(r, readSize)} }

func (l *jsonLines) next() (kind, []byte, error) {
	l.buf = l.buf[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		l.buf = append(l.buf, part...)
		switch {
		case err == nil:
			k, err := jsonKind(l.buf)
			return k, l.buf, err
		case !errors.Is(err, bufio.ErrBufferFull):
			return 0, nil, err
		case len(l.buf) > lineMax:
			return 0, nil, errLine
		}
	}
}

// jsonKind finds the kind of a line by its only key, which the server writes without a space before it.
func jsonKind(line []byte) (kind, error) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"`))
	key, _, found := bytes.Cut(rest, []byte(`"`))
	if !ok || !found {
		return 0, fmt.Errorf("%w: %.20q", errLine, line)
	}
	return kindOf(key), nil
}
