package clients

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/weirsync/weir/buckets"
)

// lookTries is how often a session looks whether the news have caught up with the file, before it asks for everything instead. Commits
// must follow each other within microseconds for that.
const lookTries = 3

// look returns the newest round, or nil if there is nothing to say. It reads only what the session has been told of: the buckets that
// changed, everything if a lookup or the version did.
func (s *session) look() (*round, error) {
	s.looked = time.Now()
	for try := 1; ; try++ {
		s.due.Add(s.sub.Take())
		if r := s.fresh(); r != nil {
			return s.pick(r), nil
		}
		r, res, err := s.view(try >= lookTries)
		switch {
		case err != nil:
			return nil, err
		case r == nil:
			continue
		case res != nil && s.watch(res) > r.checkpoint: // C6
			s.due.All = true
			continue
		}
		return s.pick(r), nil
	}
}

// pick returns the round if there is something to say, and remembers since when the client waits for it.
func (s *session) pick(r *round) *round {
	if s.since.IsZero() || !s.due.Committed.IsZero() && s.due.Committed.Before(s.since) {
		s.since = s.due.Committed
	}
	s.due = buckets.Wake{}
	if r = s.compare(r); r == nil && !s.owed {
		s.since = time.Time{}
	}
	return r
}

// view reads the newest checkpoint. It returns no round if the session has not been told yet of all that changed up to there, unless it
// is to be read all the same; and what the request resolves to, if that was asked.
func (s *session) view(all bool) (r *round, res *buckets.Resolution, err error) {
	err = s.store.View(func(v *buckets.View) (err error) {
		if err := s.prepare(v); err != nil {
			return err
		}
		told := s.due.Checkpoint == v.Checkpoint()
		r = &round{checkpoint: v.Checkpoint(), version: s.version}
		switch {
		case s.told == nil, s.told.version != s.version, s.due.All, !told && all:
			res, err = s.resolve(v, r, nil)
		case !told:
			r = nil
			return nil
		case s.due.Lookups:
			res, err = s.resolve(v, r, s.told.buckets)
		default:
			err = s.reread(v, r)
		}
		if err != nil {
			return err
		}
		r.write, _, err = v.WriteCheckpoint(s.key)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return r, res, nil
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

// resolve asks for all buckets of the request. The state of those in known is taken from there, unless they are due.
func (s *session) resolve(v *buckets.View, r *round, known []held) (*buckets.Resolution, error) {
	res, err := v.Answer(s.resolver)
	if err != nil {
		return nil, fmt.Errorf("resolve request: %w", err)
	}
	if err := s.limits.check(res); err != nil {
		return nil, err
	}
	for i := range res.Buckets {
		b := &res.Buckets[i]
		if at, ok := find(known, b.FullName); ok && !slices.Contains(s.due.Buckets, b.FullName) {
			b.Checksum, b.Count, b.Last = known[at].Checksum, known[at].Count, known[at].Last
		} else if err := v.State(b); err != nil {
			return nil, fmt.Errorf("read bucket: %w", err)
		}
	}
	r.resolved, r.buckets, r.streams = true, res.Buckets, res.Streams
	return res, nil
}

// reread reads the buckets that are due: nothing else has changed.
func (s *session) reread(v *buckets.View, r *round) error {
	for _, name := range s.due.Buckets {
		at, ok := find(s.told.buckets, name)
		if !ok {
			continue // watched until a moment ago
		}
		b := s.told.buckets[at].Bucket
		if err := v.State(&b); err != nil {
			return fmt.Errorf("read bucket: %w", err)
		}
		if differs(&s.told.buckets[at].Bucket, &b) {
			r.updated = append(r.updated, b)
		}
	}
	slices.SortFunc(r.updated, func(x, y buckets.Bucket) int { return strings.Compare(x.FullName, y.FullName) })
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

// watch watches what the answer depends on. It returns the checkpoint up to which changes may have been missed.
func (s *session) watch(res *buckets.Resolution) buckets.OpID {
	names := make([]string, len(res.Buckets))
	for i := range res.Buckets {
		names[i] = res.Buckets[i].FullName
	}
	return s.sub.Watch(names, res.Lookups, s.key)
}

// compare fills in how r differs from what was told, and returns nil if there is no need to send it.
func (s *session) compare(r *round) *round {
	last := s.told
	// Streams can't change in a diff, whose bucket reasons are indexes into them.
	if last == nil || last.version != r.version || r.resolved && !reflect.DeepEqual(last.streams, r.streams) {
		r.full = true
		return r
	}
	if r.resolved {
		r.removed, r.updated = difference(last.buckets, r.buckets)
	}
	changed := len(r.removed) > 0 || len(r.updated) > 0 || r.write != last.write
	if changed || s.owed && r.checkpoint > last.checkpoint {
		return r
	}
	return nil
}

// difference merges two lists in order of name.
func difference(old []held, new []buckets.Bucket) (removed []string, updated []buckets.Bucket) {
	for len(old) > 0 || len(new) > 0 {
		switch order := compareFirst(old, new); {
		case order < 0:
			removed = append(removed, old[0].FullName)
			old = old[1:]
		case order > 0:
			updated = append(updated, new[0])
			new = new[1:]
		default:
			if differs(&old[0].Bucket, &new[0]) {
				updated = append(updated, new[0])
			}
			old, new = old[1:], new[1:]
		}
	}
	return removed, updated
}

// compareFirst compares the first names of two lists that are not both empty. The end comes after every name.
func compareFirst(old []held, new []buckets.Bucket) int {
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
