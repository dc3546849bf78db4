package clients

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/wire"
)

// pageOps is how many operations a page has at most. pace.go says how many bytes.
const pageOps = 1000

// patience is how many ops of a round are sent before a newer checkpoint may interrupt it.
const patience = 1000

// play sends the round: its line, the data, what completes it. If another round overtakes it, that one is returned (C4).
func (s *session) play(ctx context.Context, r *round) (next *round, err error) {
	if err := s.hold(ctx, r.line); err != nil {
		return nil, err
	}
	s.adopt(r)
	groups := s.missing()
	for i, group := range groups {
		for _, h := range group {
			if next, err = s.fetch(ctx, r, h); next != nil || s.owed || err != nil {
				return next, err
			}
		}
		if i+1 < len(groups) {
			if err := s.hold(ctx, func(e *wire.Encoder) []byte { return e.Partial(uint64(r.checkpoint), group[0].Priority) }); err != nil {
				return nil, err
			}
		}
	}
	if err := s.say(ctx, func(e *wire.Encoder) []byte { return e.Complete(uint64(r.checkpoint)) }); err != nil {
		return nil, err
	}
	if s.sent != nil && !s.since.IsZero() {
		s.sent(s.since, r.checkpoint)
	}
	s.since = time.Time{}
	return nil, nil
}

// fetch sends what the bucket has up to the round's checkpoint. If the round can't go on it is owed, and next is what follows it, if
// that is known already.
func (s *session) fetch(ctx context.Context, r *round, h *held) (next *round, err error) {
	for more := true; more; {
		if err := s.tick(ctx); err != nil {
			return nil, err
		}
		if next, err := s.interrupt(r); next != nil || err != nil {
			return next, err
		}
		if more, s.owed, err = s.page(ctx, r, h); err != nil {
			return nil, err
		}
		if s.owed {
			return s.look()
		}
	}
	delete(s.behind, h.FullName)
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
	w, err := s.sub.Wait(ended)
	if err != nil {
		return nil, nil //nolint:nilerr // nothing has changed
	}
	s.due.Add(w)
	return s.look()
}

// page sends the next page of the bucket. more: there are others. overtaken: the round can't be completed.
func (s *session) page(ctx context.Context, r *round, h *held) (more, overtaken bool, err error) {
	if err := s.out.Ready(ctx); err != nil {
		return false, false, err
	}
	limit, release := s.pace.take(s.out.Room())
	defer release()
	deliver := func(p *page) error {
		if more, overtaken = p.more, p.overtaken; p.line == nil {
			return nil
		}
		r.ops += p.ops
		h.position = p.next
		return s.out.Hold(ctx, p.line)
	}
	if s.sub.Shared(h.FullName) {
		p, err := s.sharedPage(r, h, limit)
		if err != nil {
			return false, false, err
		}
		return more, overtaken, deliver(p)
	}
	err = s.withEncoder(limit, func(e *wire.Encoder) error {
		p, err := s.read(e, r, h, limit)
		if err != nil {
			return err
		}
		return deliver(p)
	})
	return more, overtaken, err
}

// sharedPage returns a page that other sessions may want too.
func (s *session) sharedPage(r *round, h *held, limit int) (*page, error) {
	key := pageKey{bucket: h.FullName, after: h.position, last: h.Last, format: s.format, limit: limit}
	return s.pages.get(key, func() (p *page, err error) {
		err = s.withEncoder(limit, func(e *wire.Encoder) error {
			if p, err = s.read(e, r, h, limit); err == nil {
				p.line = bytes.Clone(p.line)
			}
			return err
		})
		return p, err
	})
}

// read reads the page that follows the bucket's position. Its line belongs to the encoder.
func (s *session) read(e *wire.Encoder, r *round, h *held, limit int) (*page, error) {
	p := &page{}
	w := pageWriter{e: e, next: h.position, limit: limit}
	err := s.store.View(func(v *buckets.View) (err error) {
		if v.Version().ID != r.version {
			p.overtaken = true // the bucket may be going away
			return nil
		}
		e.BeginPage(h.FullName, uint64(w.next))
		p.more, p.overtaken, err = v.Operations(h.FullName, w.next, r.checkpoint, w.add)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read bucket: %w", err)
	}
	if w.ops > 0 {
		p.more = p.more || w.full
		p.ops, p.next = w.ops, w.next
		p.line = e.EndPage(uint64(w.next), p.more)
	}
	return p, nil
}

// pageWriter writes a page as its operations are visited.
type pageWriter struct {
	e     *wire.Encoder
	limit int          // of bytes
	next  buckets.OpID // of the last operation added
	ops   int
	full  bool // an operation was turned away
}

var wireKinds = map[buckets.BucketOp]wire.Kind{
	buckets.Put: wire.Put, buckets.Remove: wire.Remove, buckets.Move: wire.Move, buckets.Clear: wire.Clear,
}

// add adds the operation if there is room, and tells whether to go on.
func (p *pageWriter) add(op *buckets.Operation) bool {
	if p.ops > 0 && p.e.Len()+len(op.Data) > p.limit {
		p.full = true
		return false
	}
	p.e.Op(&wire.Op{
		ID: uint64(op.ID), Kind: wireKinds[op.Op], Checksum: op.Checksum,
		Type: op.Type, ObjectID: op.ObjectID, Subkey: op.Subkey, Data: op.Data,
	})
	p.next = op.ID
	p.ops++
	return p.ops < pageOps
}
