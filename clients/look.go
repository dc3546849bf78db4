package clients

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/wire"
	"github.com/weirsync/weir/syncrules"
)

// round is what a client should hold at one checkpoint, and how that differs from what it was told last.
type round struct {
	checkpoint buckets.OpID
	version    buckets.VersionID
	write      int64 // write checkpoint that is reached, 0 if none
	buckets    []buckets.Bucket
	streams    []syncrules.ResolvedStream

	full    bool // a checkpoint line, else a diff of what follows
	removed []string
	updated []buckets.Bucket

	ops int // sent so far
}

// look returns the newest round, or nil if there is nothing to say.
func (s *session) look() (*round, error) {
	s.looked = time.Now()
	for {
		r, res, err := s.view()
		if err != nil {
			return nil, err
		}
		if !s.watch(res) {
			return s.compare(r), nil
		}
		moved, err := s.moved(r) // C6
		if err != nil {
			return nil, err
		}
		if !moved {
			return s.compare(r), nil
		}
	}
}

// view resolves the request at the newest checkpoint.
func (s *session) view() (r *round, res *buckets.Resolution, err error) {
	err = s.store.View(func(v *buckets.View) (err error) {
		if err := s.prepare(v); err != nil {
			return err
		}
		if res, err = v.Resolve(s.resolver); err != nil {
			return fmt.Errorf("resolve request: %w", err)
		}
		r = &round{checkpoint: v.Checkpoint(), version: s.version, buckets: res.Buckets, streams: res.Streams}
		r.write, _, err = v.WriteCheckpoint(s.key)
		return err
	})
	if err == nil {
		err = s.limits.check(res)
	}
	return r, res, err
}

// prepare makes the resolver for the view's version, unless it is there.
func (s *session) prepare(v *buckets.View) (err error) {
	if s.resolver != nil && s.version == v.Version().ID {
		return nil
	}
	s.version = v.Version().ID
	if s.resolver, err = v.Version().Program.NewResolver(&s.rules); err != nil {
		return &fault{status: http.StatusBadRequest, code: codeInvalid, text: "The request does not fit the sync rules", cause: err}
	}
	return nil
}

func (l limits) check(res *buckets.Resolution) error {
	if n := len(res.Buckets); n > l.buckets {
		return tooMany("buckets", n, l.buckets)
	}
	if n := res.ParameterResults; n > l.parameterResults {
		return tooMany("parameter query results", n, l.parameterResults)
	}
	return nil
}

// moved tells whether the store is at another checkpoint than r. A write checkpoint can be reached without an operation.
func (s *session) moved(r *round) (moved bool, err error) {
	err = s.store.View(func(v *buckets.View) error {
		write, _, err := v.WriteCheckpoint(s.key)
		moved = v.Checkpoint() != r.checkpoint || v.Version().ID != r.version || write != r.write
		return err
	})
	return moved, err
}

// compare fills in how r differs from what was sent, and returns nil if there is no need to send it.
func (s *session) compare(r *round) *round {
	last := s.sent
	// Streams can't change in a diff, whose bucket reasons are indexes into them.
	if last == nil || last.version != r.version || !reflect.DeepEqual(last.streams, r.streams) {
		r.full = true
		return r
	}
	r.removed, r.updated = difference(last.buckets, r.buckets)
	changed := len(r.removed) > 0 || len(r.updated) > 0 || r.write != last.write
	if changed || s.owed && r.checkpoint > last.checkpoint {
		return r
	}
	return nil
}

// difference merges two lists in order of name.
func difference(old, new []buckets.Bucket) (removed []string, updated []buckets.Bucket) {
	for len(old) > 0 || len(new) > 0 {
		switch order := compareFirst(old, new); {
		case order < 0:
			removed = append(removed, old[0].FullName)
			old = old[1:]
		case order > 0:
			updated = append(updated, new[0])
			new = new[1:]
		default:
			if differs(&old[0], &new[0]) {
				updated = append(updated, new[0])
			}
			old, new = old[1:], new[1:]
		}
	}
	return removed, updated
}

// compareFirst compares the first names of two lists that are not both empty. The end comes after every name.
func compareFirst(old, new []buckets.Bucket) int {
	switch {
	case len(old) == 0:
		return 1
	case len(new) == 0:
		return -1
	}
	return strings.Compare(old[0].FullName, new[0].FullName)
}

func differs(a, b *buckets.Bucket) bool {
	return a.Checksum != b.Checksum || a.Count != b.Count || a.Priority != b.Priority || !slices.Equal(a.Reasons, b.Reasons)
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
