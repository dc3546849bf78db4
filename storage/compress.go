package storage

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
)

// Codecs of payloads. S2 is chosen for downloads: of the rows of `make bench` (435 bytes each) it takes 61 ns to decompress one and 325 to
// compress it, zstd at its fastest 234 and 1540. It leaves 178 bytes instead of 97; a store of a million such rows is 0.9 times as large as
// their table.
const (
	codecPlain = 0
	codecS2    = 1

	compressMin = 256     // below this a payload is stored plain
	rawMax      = 1 << 30 // no payload is longer
)

// scratch is room for what S2 may make of a block at most. What it did make is kept until a flush ends, and takes a third of that.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

const scratchMax = 4 * BlockTarget // what is kept of it: a block has one large row at most

// appendPayload appends the payload in the shortest form, and returns its codec.
func appendPayload(out, payload []byte) ([]byte, byte) {
	if len(payload) < compressMin {
		return append(out, payload...), codecPlain
	}
	buf := scratch.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= scratchMax {
			scratch.Put(buf)
		}
	}()
	if n := s2.MaxEncodedLen(len(payload)); cap(*buf) < n {
		*buf = make([]byte, n)
	}
	packed := s2.Encode((*buf)[:cap(*buf)], payload)
	if len(packed) >= len(payload) {
		return append(out, payload...), codecPlain
	}
	return append(out, packed...), codecS2
}

// decompress returns a payload of size bytes, in buf's memory if that is enough. A plain one is returned as it is.
func decompress(codec byte, v, buf []byte, size uint64) (payload []byte, err error) {
	if size > rawMax {
		return nil, fmt.Errorf("it claims to be %d bytes long", size)
	}
	switch codec {
	case codecPlain:
		payload = v
	case codecS2:
		if n, errLen := s2.DecodedLen(v); errLen != nil || uint64(n) != size { // it is what Decode would allocate
			return nil, fmt.Errorf("it is not %d bytes long", size)
		}
		payload, err = s2.Decode(buf[:cap(buf)], v)
	default:
		return nil, fmt.Errorf("unknown codec %d", codec)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("decompress: %w", err)
	case uint64(len(payload)) != size:
		return nil, fmt.Errorf("it is %d bytes long, not %d", len(payload), size)
	}
	return payload, nil
}
