package clients

import (
	"slices"
	"strings"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/wire"
	"github.com/weirsync/weir/syncrules"
)

// round is what a client is to be told of one checkpoint.
type round struct {
	checkpoint buckets.OpID
	version    buckets.VersionID
	write      int64 // write checkpoint that is reached, 0 if none

	resolved bool // buckets and streams are all there are; else those told stay, but for updated
	buckets  []buckets.Bucket
	streams  []syncrules.ResolvedStream

	full    bool // a checkpoint line, else a diff of what follows
	removed []string
	updated []buckets.Bucket
	fresh   []*buckets.Fresh // what is new in those updated, if that is all there is

	ops int // sent so far
}

// told is what a client was told last (C1).
type told struct {
	checkpoint buckets.OpID
	version    buckets.VersionID
	write      int64
	streams    []syncrules.ResolvedStream
	buckets    []held // ordered by FullName
}

// held is a bucket that the client was told of.
type held struct {
	buckets.Bucket
	position buckets.OpID // the last op that the client said it has, or was sent (C2)
	swells   bool         // pages came out longer than reading ahead reckoned with (reading.go)
}

func find(list []held, name string) (int, bool) {
	return slices.BinarySearchFunc(list, name, func(h held, name string) int { return strings.Compare(h.FullName, name) })
}

// adopt makes r what the client was told last. The client forgets buckets that it isn't told of.
func (s *session) adopt(r *round) {
	last := s.told
	if last == nil {
		last = &told{}
	}
	s.owed = false
	s.told = &told{checkpoint: r.checkpoint, version: r.version, write: r.write, streams: last.streams, buckets: last.buckets}
	if !r.resolved {
		for _, b := range r.updated {
			at, _ := find(last.buckets, b.FullName)
			last.buckets[at].Bucket = b
			s.note(&last.buckets[at])
		}
		return
	}
	s.told.streams, s.told.buckets = r.streams, make([]held, len(r.buckets))
	s.behind = nil
	for i, b := range r.buckets {
		h := &s.told.buckets[i]
		h.Bucket, h.position = b, s.positions[b.FullName]
		if at, ok := find(last.buckets, b.FullName); ok {
			h.position = last.buckets[at].position
		}
		s.note(h)
	}
	s.positions = nil
}

// note puts the bucket among those that have something to fetch, if it has (C3).
func (s *session) note(h *held) {
	if h.Last <= h.position {
		return
	}
	if s.behind == nil {
		s.behind = map[string]struct{}{}
	}
	s.behind[h.FullName] = struct{}{}
}

// missing returns the buckets that have something to fetch, in groups of one priority, most urgent first.
func (s *session) missing() [][]*held {
	var groups [][]*held
	byPriority := map[int][]*held{}
	for name := range s.behind {
		if at, ok := find(s.told.buckets, name); ok {
			h := &s.told.buckets[at]
			byPriority[h.Priority] = append(byPriority[h.Priority], h)
		}
	}
	for _, group := range byPriority {
		slices.SortFunc(group, func(x, y *held) int { return strings.Compare(x.FullName, y.FullName) })
		groups = append(groups, group)
	}
	slices.SortFunc(groups, func(x, y []*held) int { return x[0].Priority - y[0].Priority })
	return groups
}

// line encodes the round's first line.
func (r *round) line(e *wire.Encoder) []byte {
	if r.full {
		return e.Checkpoint(&wire.Checkpoint{
			LastOp: uint64(r.checkpoint), WriteCheckpoint: r.write, Buckets: wireBuckets(r.buckets), Streams: wireStreams(r.streams),
		})
	}
	return e.Diff(&wire.Diff{
		LastOp: uint64(r.checkpoint), WriteCheckpoint: r.write, Removed: r.removed, Updated: wireBuckets(r.updated),
	})
}

func wireBuckets(list []buckets.Bucket) []wire.Bucket {
	out := make([]wire.Bucket, len(list))
	for i := range list {
		b := &list[i]
		out[i] = wire.Bucket{Name: b.FullName, Checksum: b.Checksum, Count: b.Count, Priority: b.Priority}
		for _, reason := range b.Reasons {
			w := wire.Reason{Index: reason.Subscription}
			if reason.Default {
				w = wire.Reason{Default: true, Index: reason.Stream}
			}
			out[i].Reasons = append(out[i].Reasons, w)
		}
	}
	return out
}

func wireStreams(list []syncrules.ResolvedStream) []wire.Stream {
	out := make([]wire.Stream, len(list))
	for i, s := range list {
		out[i] = wire.Stream{Name: s.Name, IsDefault: s.IsDefault}
		for _, e := range s.Errors {
			out[i].Errors = append(out[i].Errors, wire.StreamError{Subscription: e.Subscription, Message: e.Message})
		}
	}
	return out
}
