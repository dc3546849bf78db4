package pgoutput

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"
)

// Error says where a message is malformed. It holds no content of the message.
type Error struct {
	Kind   Kind   // of the message; 0 if it was empty
	Offset int    // of the byte at which decoding stopped
	Reason string // what was wrong there
}

func (e *Error) Error() string {
	return fmt.Sprintf("decode pgoutput message %q: %s at byte %d", byte(e.Kind), e.Reason, e.Offset)
}

// reader takes fields off the front of a message. After the first fault everything it returns is zero.
type reader struct {
	data []byte
	pos  int
	err  *Error
}

// open checks that data is a message of kind and stands behind its kind byte.
func open(data []byte, kind Kind) reader {
	r := reader{data: data, pos: 1}
	if len(data) == 0 || Kind(data[0]) != kind {
		r.pos = 0
		r.fail(fmt.Sprintf("not a message %q", byte(kind)))
	}
	return r
}

func (r *reader) fail(reason string) {
	if r.err != nil {
		return
	}
	r.err = &Error{Offset: r.pos, Reason: reason}
	if len(r.data) > 0 {
		r.err.Kind = Kind(r.data[0])
	}
}

// take returns the next n bytes with their capacity cut, or nil after a fault.
func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.data)-r.pos {
		r.fail("message ends early")
		return nil
	}
	b := r.data[r.pos : r.pos+n : r.pos+n]
	r.pos += n
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// epoch is Postgres' 2000-01-01 in Unix microseconds.
const epoch = 946684800 * 1_000_000

func (r *reader) time() time.Time {
	return time.UnixMicro(int64(r.uint64()) + epoch).UTC()
}

// text returns the bytes before the next zero byte and steps over it.
func (r *reader) text() []byte {
	if r.err != nil {
		return nil
	}
	n := bytes.IndexByte(r.data[r.pos:], 0)
	if n < 0 {
		r.fail("text without an end")
		return nil
	}
	b := r.take(n)
	r.pos++
	return b
}

// count checks that n fields of at least size bytes each can follow, before anything is allocated for them.
func (r *reader) count(n, size int) int {
	if r.err != nil {
		return 0
	}
	if n < 0 || n > (len(r.data)-r.pos)/size {
		r.fail("count beyond the end of the message")
		return 0
	}
	return n
}

// close returns the reader's error; bytes left over are one.
func (r *reader) close() error {
	if r.err == nil && r.pos != len(r.data) {
		r.fail("bytes after the end")
	}
	if r.err == nil {
		return nil
	}
	return r.err
}
