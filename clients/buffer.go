package clients

import (
	"slices"
	"sync"
)

// buffer holds bytes on their way to a client. Streams share them: idle ones hold none. Large ones are apart, so that a stream whose
// client takes nothing holds no more than it needs.
type buffer struct{ b []byte }

var smallBuffers, largeBuffers = sync.Pool{New: newBuffer}, sync.Pool{New: newBuffer}

func newBuffer() any { return &buffer{} }

// getBuffer returns an empty buffer that will hold about so many bytes.
func getBuffer(size int) *buffer {
	pool := &smallBuffers
	if size > smallPage {
		pool = &largeBuffers
	}
	buf := pool.Get().(*buffer)
	buf.b = slices.Grow(buf.b[:0], size)
	return buf
}

// put gives the buffer back.
func (buf *buffer) put() {
	switch {
	case cap(buf.b) <= smallEncoder:
		smallBuffers.Put(buf)
	case cap(buf.b) <= pooledMax:
		largeBuffers.Put(buf)
	}
}
