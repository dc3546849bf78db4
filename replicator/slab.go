package replicator

import "github.com/weirsync/weir/buckets"

// slab hands out memory for the values of many rows from few allocations. What it handed out lives as long as anything refers to
// its block; it is never reused.
type slab struct {
	data  []byte   // rest of the current block
	heads [][]byte // rest of the current block of tuple slices
	next  int      // size of the next block
}

const (
	slabMin  = 4 << 10
	slabMax  = 256 << 10
	headSize = 24 // of a slice header
)

// bytes returns n bytes to be overwritten.
func (s *slab) bytes(n int) []byte {
	if n > len(s.data) {
		if n > slabMax/4 {
			return make([]byte, n)
		}
		s.next = min(max(2*s.next, slabMin), slabMax)
		s.data = make([]byte, max(s.next, n))
	}
	b := s.data[:n:n]
	s.data = s.data[n:]
	return b
}

// copy returns a copy of b, never nil.
func (s *slab) copy(b []byte) []byte {
	c := s.bytes(len(b))
	copy(c, b)
	return c
}

// values returns a tuple of n values to be overwritten.
func (s *slab) values(n int) [][]byte {
	if n > len(s.heads) {
		s.heads = make([][]byte, max(n, slabMin/headSize, min(s.next, slabMax)/headSize/4))
	}
	v := s.heads[:n:n]
	s.heads = s.heads[n:]
	return v
}

func (s *slab) tuple(n int) buckets.Tuple { return s.values(n) }
