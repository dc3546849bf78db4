package clients

import (
	"context"
	"fmt"
	"slices"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/wire"
)

// Limits of a page. One operation may be bigger.
const (
	pageOps  = 1000
	pageText = 1 << 20 // bytes of data
)

// patience is how many ops of a round are sent before a newer checkpoint may interrupt it.
const patience = 1000

// play sends the round: its line, the data, what completes it. If another round overtakes it, that one is returned (C4).
func (s *session) play(ctx context.Context, r *round) (next *round, err error) {
	if err := s.say(ctx, r.line); err != nil {
		return nil, err
	}
	s.adopt(r)
	groups := s.missing(r)
	for i, group := range groups {
		for _, b := range group {
			if next, err = s.fetch(ctx, r, b); next != nil || s.owed || err != nil {
				return next, err
			}
		}
		if i+1 < len(groups) {
			if err := s.say(ctx, func(e *wire.Encoder) []byte { return e.Partial(uint64(r.checkpoint), group[0].Priority) }); err != nil {
				return nil, err
			}
		}
	}
	return nil, s.say(ctx, func(e *wire.Encoder) []byte { return e.Complete(uint64(r.checkpoint)) })
}

// adopt makes r what the client was told last. The client forgets buckets that it doesn't list.
func (s *session) adopt(r *round) {
	s.sent, s.owed = r, false
	for _, name := range r.removed {
		delete(s.positions, name)
	}
	if r.removed, r.updated = nil, nil; !r.full {
		return
	}
	held := s.positions
	s.positions = make(map[string]buckets.OpID, len(r.buckets))
	for i := range r.buckets {
		if pos, ok := held[r.buckets[i].FullName]; ok {
			s.positions[r.buckets[i].FullName] = pos
		}
	}
}

// missing returns the buckets that have something to fetch (C3), in groups of one priority, most urgent first.
func (s *session) missing(r *round) [][]*buckets.Bucket {
	var groups [][]*buckets.Bucket
	byPriority := map[int][]*buckets.Bucket{}
	for i := range r.buckets {
		if b := &r.buckets[i]; b.Last > s.positions[b.FullName] {
			byPriority[b.Priority] = append(byPriority[b.Priority], b)
		}
	}
	for priority := range byPriority {
		groups = append(groups, byPriority[priority])
	}
	slices.SortFunc(groups, func(x, y []*buckets.Bucket) int { return x[0].Priority - y[0].Priority })
	return groups
}

// fetch sends what the bucket has up to the round's checkpoint. If the round can't go on it is owed, and next is what follows it, if
// that is known already.
func (s *session) fetch(ctx context.Context, r *round, b *buckets.Bucket) (next *round, err error) {
	for more := true; more; {
		if err := s.tick(ctx); err != nil {
			return nil, err
		}
		if next, err := s.interrupt(r); next != nil || err != nil {
			return next, err
		}
		if more, s.owed, err = s.page(ctx, r, b.FullName); err != nil {
			return nil, err
		}
		if s.owed {
			return s.look()
		}
	}
	return nil, nil
}

// ended is a context that has ended: waiting with it only asks.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// interrupt returns the round that is due instead of the rest of r: something has changed for the client, and what is urgent
// should not wait for a long download. There is none while r is young.
func (s *session) interrupt(r *round) (*round, error) {
	if r.ops < patience {
		return nil, nil
	}
	if _, err := s.sub.Wait(ended); err != nil {
		return nil, nil //nolint:nilerr // nothing has changed
	}
	return s.look()
}

// page sends the next page of the bucket. more: there are others. overtaken: the round can't be completed.
func (s *session) page(ctx context.Context, r *round, bucket string) (more, overtaken bool, err error) {
	if err := s.out.Ready(ctx); err != nil {
		return false, false, err
	}
	err = s.withEncoder(func(e *wire.Encoder) error {
		p := pageWriter{e: e, next: s.positions[bucket]}
		err := s.store.View(func(v *buckets.View) (err error) {
			if v.Version().ID != r.version {
				overtaken = true // the bucket may be going away
				return nil
			}
			e.BeginPage(bucket, uint64(p.next))
			more, overtaken, err = v.Operations(bucket, p.next, r.checkpoint, p.add)
			return err
		})
		if err != nil {
			return fmt.Errorf("read bucket: %w", err)
		}
		if p.ops == 0 {
			return nil
		}
		more = more || p.full
		r.ops += p.ops
		s.positions[bucket] = p.next
		return s.out.Send(ctx, e.EndPage(uint64(p.next), more))
	})
	return more, overtaken, err
}

// pageWriter writes a page as its operations are visited.
type pageWriter struct {
	e    *wire.Encoder
	next buckets.OpID // of the last operation added
	ops  int
	text int
	full bool // an operation was turned away
}

var wireKinds = map[buckets.BucketOp]wire.Kind{
	buckets.Put: wire.Put, buckets.Remove: wire.Remove, buckets.Move: wire.Move, buckets.Clear: wire.Clear,
}

// add adds the operation if there is room, and tells whether to go on.
func (p *pageWriter) add(op *buckets.Operation) bool {
	if p.ops > 0 && p.text+len(op.Data) > pageText {
		p.full = true
		return false
	}
	p.e.Op(&wire.Op{
		ID: uint64(op.ID), Kind: wireKinds[op.Op], Checksum: op.Checksum,
		Type: op.Type, ObjectID: op.ObjectID, Subkey: op.Subkey, Data: op.Data,
	})
	p.next = op.ID
	p.ops++
	p.text += len(op.Data)
	return p.ops < pageOps
}
