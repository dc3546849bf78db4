package clients

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/wire"
	"github.com/weirsync/weir/syncrules"
)

// sender is a session's way to its client.
type sender interface {
	// Ready waits until a line can be sent.
	Ready(ctx context.Context) error
	// Room is how many lines, and bytes of them, the way takes now without waiting for the client, at least.
	Room() (lines, bytes int)
	// Send sends one encoded line, which is not kept.
	Send(ctx context.Context, line []byte) error
	// Hold does so too, but the line may wait to be sent together with the next ones, until Flush at the latest.
	Hold(ctx context.Context, line []byte) error
	Flush() error
}

// session tells one client what it should hold. It belongs to one goroutine, and ends with run.
type session struct {
	store  *buckets.Store
	out    sender
	format wire.Format
	limits limits
	pages  *pages
	pace   pace

	rules  syncrules.Request
	user   string
	client string // id, as it says
	key    string // of write checkpoints
	clock  *clock

	sub      *buckets.Subscription
	due      buckets.Wake        // what changed since the last look
	resolver *syncrules.Resolver // of version
	version  buckets.VersionID
	looked   time.Time // when the last look began

	since time.Time                     // commit at the source of the oldest change that the client has not been told of; zero: none, or unknown
	sent  func(time.Time, buckets.OpID) // is told of since and the checkpoint when all of it was sent; may be nil

	told      *told                   // the last checkpoint or diff sent, nil before the first (C1)
	owed      bool                    // it was given up: another must follow
	behind    map[string]struct{}     // buckets told that have something to fetch (C3)
	positions map[string]buckets.OpID // of buckets that the client says it holds, until the first checkpoint
}

// limits of a session.
type limits struct{ buckets, parameterResults int }

// minGap is the least time between two looks: under a stream of commits a client gets rounds of many commits.
const minGap = 10 * time.Millisecond

// farewellTime is how long the last line of an expired session may wait for the client.
const farewellTime = time.Second

var errExpired = errors.New("the token has expired")

// run serves the client until ctx ends or its token expires, which are no errors, or until something fails.
func (s *session) run(ctx context.Context) error {
	s.begin()
	defer s.sub.Close()
	live, cancel := context.WithDeadlineCause(ctx, s.clock.expires, errExpired)
	defer cancel()
	err := s.serve(live)
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, errExpired), errors.Is(context.Cause(live), errExpired):
		return s.farewell(ctx)
	}
	return err
}

// begin subscribes. The write checkpoint is watched before the first look: it can be reached without an op (C6).
func (s *session) begin() {
	s.sub = s.store.Subscribe()
	s.sub.Watch(nil, nil, s.key)
}

// serve plays rounds for as long as there are some, then waits for the next.
func (s *session) serve(ctx context.Context) error {
	if err := s.out.Ready(ctx); err != nil {
		return err
	}
	r, err := s.look()
	for err == nil {
		if r != nil {
			r, err = s.play(ctx, r)
		} else {
			r, err = s.wait(ctx)
		}
	}
	return err
}

// wait returns what is next to be said, once there may be something. It looks only when the client can take a line, so that a
// slow client skips checkpoints.
func (s *session) wait(ctx context.Context) (*round, error) {
	if err := s.out.Flush(); err != nil { // of a round that was given up
		return nil, err
	}
	if err := s.sleep(ctx); err != nil {
		return nil, err
	}
	if err := s.out.Ready(ctx); err != nil {
		return nil, err
	}
	if err := pause(ctx, time.Until(s.looked.Add(minGap))); err != nil {
		return nil, err
	}
	return s.look()
}

// sleep returns when something has changed that concerns the client.
func (s *session) sleep(ctx context.Context) error {
	for {
		until, cancel := context.WithDeadline(ctx, s.clock.due)
		w, err := s.sub.Wait(until)
		cancel()
		s.due.Add(w)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if err := s.tick(ctx); err != nil {
			return err
		}
	}
}

// tick says how long the token is good, if it is time to. It fails with errExpired by the time of day: the deadline of ctx doesn't
// notice when that is set.
func (s *session) tick(ctx context.Context) error {
	now := time.Now()
	switch {
	case !now.Before(s.clock.expires):
		return errExpired
	case now.Before(s.clock.due):
		return ctx.Err()
	}
	s.clock.reset(now)
	return s.say(ctx, func(e *wire.Encoder) []byte { return e.ExpiresIn(s.clock.left(now)) })
}

// farewell makes the client get a new token.
func (s *session) farewell(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, farewellTime)
	defer cancel()
	err := s.say(ctx, func(e *wire.Encoder) []byte { return e.ExpiresIn(0) })
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // it takes nothing: the end of the stream tells it as much
	}
	return err
}

// encoders are shared by all sessions: one that sleeps holds none. Those for large pages are apart, so that a session
// that gets a small page, and keeps it because its client takes nothing, does not keep much.
var encoders, largeEncoders = newEncoders(), newEncoders()

func newEncoders() *sync.Pool {
	return &sync.Pool{New: func() any { return wire.NewEncoder(wire.JSON) }}
}

const (
	smallEncoder = 16 << 10
	smallPage    = pageMin + 2<<10 // what a page of pageMin takes, with its frame
	pooledMax    = 4 << 20         // the largest encoder that goes back to its pool
)

// getEncoder returns an encoder for a line of about so many bytes.
func (s *session) getEncoder(size int) *wire.Encoder {
	pool := encoders
	if size > pageMin {
		pool = largeEncoders
	}
	e := pool.Get().(*wire.Encoder)
	e.Reset(s.format)
	if size == pageMin {
		e.Grow(smallPage)
	}
	return e
}

// putEncoder gives e and its lines back.
func putEncoder(e *wire.Encoder) {
	switch {
	case e.Cap() <= smallEncoder:
		encoders.Put(e)
	case e.Cap() <= pooledMax:
		largeEncoders.Put(e)
	}
}

// say sends the line that encode makes, once it can be sent, and what was held before.
func (s *session) say(ctx context.Context, encode func(e *wire.Encoder) []byte) error {
	return s.put(ctx, encode, s.out.Send)
}

// hold does so too, when others follow at once.
func (s *session) hold(ctx context.Context, encode func(e *wire.Encoder) []byte) error {
	return s.put(ctx, encode, s.out.Hold)
}

func (s *session) put(ctx context.Context, encode func(e *wire.Encoder) []byte, put func(context.Context, []byte) error) error {
	if err := s.out.Ready(ctx); err != nil {
		return err
	}
	e := s.getEncoder(0)
	defer putEncoder(e)
	return put(ctx, encode(e))
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
