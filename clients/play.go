package clients

import (
	"context"
	"time"

	"github.com/weirsync/weir/clients/wire"
)

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
	var ahead []*reading
	defer func() { drop(ahead) }()
	for more := true; more; {
		if err := s.tick(ctx); err != nil {
			return nil, err
		}
		if next, err := s.interrupt(r); next != nil || err != nil {
			return next, err
		}
		if ahead, more, err = s.page(ctx, r, h, ahead); err != nil {
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

// page sends the next page of the bucket, the first of ahead, or reads it if there is none. more: there are others; ahead are the next of
// them that are being read already. s.owed is set if the round can't be completed.
func (s *session) page(ctx context.Context, r *round, h *held, ahead []*reading) (_ []*reading, more bool, err error) {
	if err := s.out.Ready(ctx); err != nil {
		return ahead, false, err
	}
	lines, room := s.room(r, h)
	if len(ahead) > 0 && !ahead[0].follows(h) {
		drop(ahead)
		ahead, h.swells = nil, true
	}
	if len(ahead) == 0 {
		ahead = append(ahead, s.readNow(r, h, room))
	}
	now := ahead[0]
	p, err := now.wait()
	if err != nil {
		return ahead, false, err
	}
	ahead = ahead[1:]
	defer now.drop()
	s.owed = p.overtaken
	if p.line == nil {
		return ahead, p.more, nil
	}
	ahead, more = s.readAhead(r, h, p, ahead, lines, room), p.more
	r.ops += p.ops
	h.position = p.next
	err = s.out.Hold(ctx, p.line) // the last use of p
	return ahead, more, err
}

// room is how much the client takes now. What is fresh needs none but the smallest page, so the kernel is not asked, which takes 3 us.
func (s *session) room(r *round, h *held) (lines, bytes int) {
	if r.freshAfter(h.FullName, h.position) != nil {
		return 0, 0
	}
	return s.out.Room()
}
