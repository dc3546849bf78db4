package main

import (
	"bytes"
	"fmt"

	"github.com/weirsync/weir/clients/wire"
)

// syncStream is an open sync stream.
type syncStream interface {
	lineReader
	close()
}

// drain reads up to and with the first checkpoint_complete, and throws everything away.
func drain(l lineReader) error {
	for {
		k, _, err := l.next()
		if err != nil {
			return fmt.Errorf("read stream: %w", err)
		}
		if k == completeLine {
			return nil
		}
	}
}

// record is drain for one who wants the lines, and the number of rows in them.
func record(l lineReader) (lines [][]byte, rows int, err error) {
	for {
		k, line, err := l.next()
		if err != nil {
			return nil, 0, fmt.Errorf("read stream: %w", err)
		}
		lines = append(lines, bytes.Clone(line))
		if k == dataLine {
			rows += rowsIn(line)
		}
		if k == completeLine {
			return lines, rows, nil
		}
	}
}

// rowsIn counts the operations of a data line of either format. A key stands in no text: quotes are escaped in JSON, and BSON's type
// byte and terminator are control characters, which JSON text has not.
func rowsIn(line []byte) int {
	return bytes.Count(line, []byte(`"object_id":`)) + bytes.Count(line, []byte("\x02object_id\x00"))
}

// firstCheckpoint returns the checkpoint line that a stream begins with, which must be BSON.
func firstCheckpoint(l lineReader) (*wire.Checkpoint, error) {
	k, line, err := l.next()
	if err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	if k != checkpointLine {
		return nil, fmt.Errorf("read checkpoint: %w: it begins with something else", errLine)
	}
	decoded, err := wire.DecodeBSON(line)
	if err != nil {
		return nil, err
	}
	return decoded.Checkpoint, nil
}
