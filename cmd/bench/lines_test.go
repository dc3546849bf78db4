package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/clients/wire"
)

// encodeLines returns a short stream as weir encodes it: a checkpoint, a page of two rows, one of a row of big bytes, and
// the completion.
func encodeLines(format wire.Format, big int) []byte {
	e := wire.NewEncoder(format)
	var all []byte
	say := func(line []byte) { all = append(all, line...) }
	e.Reset(format)
	say(e.Checkpoint(&wire.Checkpoint{LastOp: 9, Buckets: []wire.Bucket{{Name: `1#a["object_id"]`, Count: 3}}}))
	for _, texts := range [][]string{{`{"id":"1","body":"\"object_id\":"}`, `{"id":"2"}`}, {`{"id":"3","body":"` + strings.Repeat("x", big) + `"}`}} {
		e.Reset(format)
		e.BeginPage("1#a[]", 0)
		for _, text := range texts {
			e.Op(&wire.Op{ID: 7, Kind: wire.Put, Type: []byte("t"), ObjectID: []byte("1"), Subkey: []byte("s"), Data: []byte(text)})
		}
		say(e.EndPage(7, false))
	}
	e.Reset(format)
	say(e.Complete(9))
	return all
}

func readerOf(format wire.Format, r io.Reader) lineReader {
	if format == wire.BSON {
		return newBSONLines(r)
	}
	return newJSONLines(r)
}

func TestLines(t *testing.T) {
	for name, format := range map[string]wire.Format{"JSON": wire.JSON, "BSON": wire.BSON} {
		encoded := encodeLines(format, 2*readSize)
		for part, r := range map[string]io.Reader{
			"whole":     bytes.NewReader(encoded),
			"piecemeal": iotest.HalfReader(bytes.NewReader(encoded)),
		} {
			l := readerOf(format, r)
			var kinds []kind
			rows := 0
			for {
				k, line, err := l.next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s, %s: %v", name, part, err)
				}
				kinds = append(kinds, k)
				if k == dataLine {
					rows += rowsIn(line)
				}
			}
			if diff := cmp.Diff([]kind{checkpointLine, dataLine, dataLine, completeLine}, kinds); diff != "" {
				t.Errorf("%s, %s: kinds (-want +got):\n%s", name, part, diff)
			}
			if rows != 3 {
				t.Errorf("%s, %s: %d rows, want 3", name, part, rows)
			}
		}
	}
}

func TestDrainAndRecordEndWithTheCheckpoint(t *testing.T) {
	encoded := encodeLines(wire.BSON, 2*readSize)
	twice := bytes.NewReader(append(bytes.Clone(encoded), encoded...))
	l := newBSONLines(twice)
	if err := drain(l); err != nil {
		t.Errorf("drain: %v", err)
	}
	if left := twice.Len() + l.r.Buffered(); left != len(encoded) {
		t.Errorf("drain left %d bytes, want %d", left, len(encoded))
	}
	lines, rows, err := record(newBSONLines(bytes.NewReader(encoded)))
	if err != nil || rows != 3 || !bytes.Equal(bytes.Join(lines, nil), encoded) {
		t.Errorf("recorded %d lines, %d rows, %v", len(lines), rows, err)
	}
	if err := drain(newBSONLines(bytes.NewReader(encoded[:len(encoded)-1]))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("drained a stream that is cut off: %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

func FuzzLines(f *testing.F) {
	f.Add(encodeLines(wire.BSON, 10))
	f.Add(encodeLines(wire.JSON, 10))
	f.Fuzz(func(_ *testing.T, data []byte) {
		for _, format := range []wire.Format{wire.BSON, wire.JSON} {
			l := readerOf(format, bytes.NewReader(data))
			for {
				if _, _, err := l.next(); err != nil {
					break
				}
			}
		}
	})
}
