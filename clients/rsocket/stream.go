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

// Ready waits until Send can send, or ctx ends. It takes no credit.
func (s *Stream) Ready(ctx context.Context) error {
	for {
		s.mu.Lock()
		credit := s.credit
		s.mu.Unlock()
		if credit > 0 {
			return ctx.Err()
		}
		select {
		case <-s.gained:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Send sends data as one payload, for which it waits for credit. data is not kept. An error of the connection ends all its
// streams.
func (s *Stream) Send(ctx context.Context, data []byte) error {
	if err := s.Ready(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.credit--
	s.mu.Unlock()
	err := s.link.send(&Frame{Stream: s.id, Type: TypePayload, Flags: FlagNext, Data: data})
	if err != nil {
		s.cancel(errClosed) // before the handler sees the error: a client that is gone is no fault of the handler's
	}
	return err
}
