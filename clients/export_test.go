package clients

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/clients/wire"
)

// RunSession runs a session over a sender that is no network, for tests that need a false clock.
func RunSession(ctx context.Context, cfg Config, body []byte, claims *auth.Claims, pulse time.Duration, out Sender) error {
	req, err := parseStreamRequest(body)
	if err != nil {
		return err
	}
	s := New(cfg).newSession(req, claims, pulse)
	s.format, s.out = wire.JSON, out
	return s.run(ctx)
}

// PageMin and PageMax are the bytes of the smallest and the largest page.
const (
	PageMin = pageMin
	PageMax = pageMax
)

// RunPaced runs a session whose large pages take from budget.
func RunPaced(ctx context.Context, cfg Config, claims *auth.Claims, budget *semaphore.Weighted, format wire.Format, out Sender) error {
	s := New(cfg).newSession(&streamRequest{}, claims, 0)
	s.format, s.out, s.pace = format, out, pace{budget: budget}
	return s.run(ctx)
}

// Noticed has something happen during a session's first look, and tells whether the session is told of it (C6).
func Noticed(cfg Config, body []byte, claims *auth.Claims, happen func()) (bool, error) {
	req, err := parseStreamRequest(body)
	if err != nil {
		return false, err
	}
	s := New(cfg).newSession(req, claims, 0)
	s.begin()
	defer s.sub.Close()
	_, res, err := s.view(true)
	if err != nil {
		return false, err
	}
	happen()
	s.watch(res)
	return s.sub.Take().Write, nil
}

// Driven is a session that says something when it is told to.
type Driven struct{ s *session }

// Drive begins a session that is driven by the test. Close it.
func Drive(cfg Config, user, client string, out Sender) *Driven {
	claims := &auth.Claims{Subject: user, Payload: json.RawMessage(`{"sub":"` + user + `"}`), Expires: time.Now().Add(time.Hour)}
	s := New(cfg).newSession(&streamRequest{clientID: client}, claims, 0)
	s.format, s.out = wire.JSON, out
	s.begin()
	return &Driven{s}
}

// Take has the session take what it is told of, as it does when it is woken.
func (d *Driven) Take() { d.s.due.Add(d.s.sub.Take()) }

// Round plays the round that there is, if there is one. fresh tells whether it needed no View.
func (d *Driven) Round(ctx context.Context) (played, fresh bool, err error) {
	r, err := d.s.look()
	for ; r != nil && err == nil; r, err = d.s.play(ctx, r) {
		played, fresh = true, r.fresh != nil
	}
	return played, fresh, err
}

// Close ends the session.
func (d *Driven) Close() { d.s.sub.Close() }

// CostOfLook returns the allocations of a look after a change of one of the buckets of a client that has been told all.
func CostOfLook(tb testing.TB, cfg Config, user string, bucket int) float64 {
	claims := &auth.Claims{Subject: user, Payload: json.RawMessage(`{"sub":"` + user + `"}`), Expires: time.Now().Add(time.Hour)}
	s := New(cfg).newSession(&streamRequest{}, claims, 0)
	s.begin()
	defer s.sub.Close()
	r, err := s.look()
	if err != nil {
		tb.Fatal(err)
	}
	s.adopt(r)
	return testing.AllocsPerRun(100, func() {
		s.due = buckets.Wake{Buckets: []string{s.told.buckets[bucket].FullName}}
		if r, err := s.look(); r != nil || err != nil {
			tb.Fatalf("look: %+v, %v", r, err)
		}
	})
}

// Tick ticks a session whose token has expired by the time of day.
func Tick(ctx context.Context) error {
	s := &session{clock: &clock{expires: time.Now().Add(-time.Second)}}
	return s.tick(ctx)
}

// ErrExpired ends a session.
var ErrExpired = errExpired

// Sender is what a session sends to.
type Sender = sender

// PulseEvery is the interval of HTTP streams.
const PulseEvery = pulseEvery

// Streams is how many streams are open.
func (s *Server) Streams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.places
}

// Told is how many bytes of lines clients were sent.
func (s *Server) Told() (n int64) {
	for i := range s.figures.transports {
		n += s.figures.transports[i].bytes.Load()
	}
	return n
}

// ForgetPages drops the pages that are kept for others.
func (s *Server) ForgetPages() {
	s.pages.mu.Lock()
	defer s.pages.mu.Unlock()
	for e := s.pages.order.Back(); e != nil; e = s.pages.order.Back() {
		s.pages.removeLocked(e)
	}
}

// Strangers is how many WebSockets are before set-up.
func (s *Server) Strangers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.strangers
}
