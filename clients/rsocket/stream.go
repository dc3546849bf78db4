package rsocket

import (
	"context"
	"sync"
)

// Stream is the server's end of a stream. Its methods are for one goroutine, that of the handler.
type Stream struct {
	id     uint32
	link   *link
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	credit int64         // payloads that the client still takes
	gained chan struct{} // has an element if credit grew from 0
}

func newStream(id uint32, l *link, n uint32, cancel context.CancelCauseFunc) *Stream {
	return &Stream{id: id, link: l, cancel: cancel, credit: int64(n), gained: make(chan struct{}, 1)}
}

// grant adds credit.
func (s *Stream) grant(n uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credit = min(s.credit+int64(n), MaxN)
	select {
	case s.gained <- struct{}{}:
	default:
	}
}

// Ready waits until Send can send, or ctx ends. It takes no credit. What is held is sent before it waits.
func (s *Stream) Ready(ctx context.Context) error {
	for {
		s.mu.Lock()
		credit := s.credit
		s.mu.Unlock()
		if credit > 0 {
			return ctx.Err()
		}
		if err := s.Flush(); err != nil {
			return err
		}
		select {
		case <-s.gained:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Credit is how many payloads the client still takes.
func (s *Stream) Credit() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.credit)
}

// Send sends data as one payload, for which it waits for credit. data is not kept. An error of the connection ends all its
// streams.
func (s *Stream) Send(ctx context.Context, data []byte) error { return s.put(ctx, data, s.link.send) }

// Hold does so too, but the payload may be written together with what the connection sends next. Flush writes it.
func (s *Stream) Hold(ctx context.Context, data []byte) error { return s.put(ctx, data, s.link.hold) }

// Flush writes what is held.
func (s *Stream) Flush() error { return s.check(s.link.flush()) }

func (s *Stream) put(ctx context.Context, data []byte, put func(*Frame) error) error {
	if err := s.Ready(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.credit--
	s.mu.Unlock()
	return s.check(put(&Frame{Stream: s.id, Type: TypePayload, Flags: FlagNext, Data: data}))
}

// check ends the stream if sending failed.
func (s *Stream) check(err error) error {
	if err != nil {
		s.cancel(errClosed) // before the handler sees the error: a client that is gone is no fault of the handler's
	}
	return err
}
