package clients

import (
	"slices"
	"strings"

	"github.com/weirsync/weir/buckets"
)

// fresh returns the round that needs no View, or nil. Nothing but the buckets that the session was told of has changed (look.go), neither
// version (I10) nor write checkpoint, and the writer has kept what it did to all of them, coming from the very states that the client was told.
// If it did more than that meanwhile, or the bucket was compacted before, the states differ and the session looks.
func (s *session) fresh() *round {
	d := &s.due
	if s.told == nil || len(d.Fresh) == 0 || d.All || d.Lookups || d.Write {
		return nil
	}
	r := &round{checkpoint: d.Checkpoint, version: s.told.version, write: s.told.write, fresh: d.Fresh}
	for _, f := range d.Fresh {
		at, ok := find(s.told.buckets, f.Name)
		if !ok {
			return nil
		}
		b := s.told.buckets[at].Bucket
		if !f.Advance(&b) {
			return nil
		}
		r.updated = append(r.updated, b)
	}
	slices.SortFunc(r.updated, func(x, y buckets.Bucket) int { return strings.Compare(x.FullName, y.FullName) })
	return r
}

// freshAfter returns what is new in the bucket if that is all that there is after an op, else nil.
func (r *round) freshAfter(bucket string, after buckets.OpID) *buckets.Fresh {
	for _, f := range r.fresh {
		if f.Name == bucket && f.After() == after {
			return f
		}
	}
	return nil
}
