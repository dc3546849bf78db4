package rsocket

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/weirsync/weir/clients/outbox"
)

// Setup is what a client says about its connection.
type Setup struct {
	MetadataMime, DataMime string
	Metadata               []byte // nil if there was none
}

// Request is a client's request for a stream.
type Request struct {
	Metadata []byte // nil if there was none
	Data     []byte
}

// Handler answers a request by sending payloads, and returns when it has no more: nil completes the stream, an error fails it (an *Error
// decides code and text). ctx ends when the client cancels, when the connection is gone (both: nothing is sent any more) and
// when the server drains (the stream is still completed or failed as the handler says).
type Handler func(ctx context.Context, req Request, out *Stream) error

// Config of the server side.
type Config struct {
	// Accept decides on a connection and returns the handler of its streams. An error is sent to the client (an *Error decides
	// code and text), then the connection is closed.
	Accept          func(ctx context.Context, setup *Setup) (Handler, error)
	MaxStreams      int           // of a connection at a time, 16 if 0
	MaxRequestBytes int           // of a frame that an accepted client sends, without its header; MaxRequestBytesDefault if 0
	SetupTimeout    time.Duration // SetupTimeoutDefault if 0
	StreamTimeout   time.Duration // for which a connection may be without a stream, StreamTimeoutDefault if 0
	WriteTimeout    time.Duration // WriteTimeoutDefault if 0
}

// MaxStreamsDefault is how many streams a connection may have. SDKs use one.
const MaxStreamsDefault = 16

// What a client may make us hold without a request. SETUP has a token, keep-alives of SDKs have nothing.
const (
	setupBytesMax     = 16 << 10
	keepaliveBytesMax = 4 << 10 // that are echoed: a client that doesn't read holds them up
)

// Reasons why the context of a stream ends.
var (
	errCanceled = errors.New("the client canceled the stream")
	errClosed   = errors.New("the connection is closed")
)

// internalText is what a client gets to see of an error that is not meant for it.
const internalText = "[PSYNC_S2001] Something went wrong"

// Serve serves the connection until it ends, and closes it. When ctx ends the connection drains: its streams are asked to end, then it is
// closed. To be quicker, close ws. All goroutines of the connection have ended when Serve returns. The error says why the
// connection ended, nil if by drain or by the client's close.
func Serve(ctx context.Context, ws *websocket.Conn, cfg Config) error {
	c := newServer(ws, cfg)
	handler, lifetime, err := c.setup(ctx)
	if err != nil {
		var refused *Error
		if errors.As(err, &refused) {
			_ = c.fail(0, refused)
			c.bye()
		} else {
			_ = ws.Close()
		}
		return err
	}
	return c.run(ctx, handler, lifetime)
}

// server is the server side of a connection.
type server struct {
	link
	cfg     Config
	handler Handler

	mu      sync.Mutex
	streams map[uint32]*Stream
	closing bool        // no stream starts any more
	idle    *time.Timer // closes the connection if it has no stream for too long
	running sync.WaitGroup
}

func newServer(ws *websocket.Conn, cfg Config) *server {
	if cfg.MaxStreams == 0 {
		cfg.MaxStreams = MaxStreamsDefault
	}
	if cfg.MaxRequestBytes == 0 {
		cfg.MaxRequestBytes = MaxRequestBytesDefault
	}
	if cfg.SetupTimeout == 0 {
		cfg.SetupTimeout = SetupTimeoutDefault
	}
	if cfg.StreamTimeout == 0 {
		cfg.StreamTimeout = StreamTimeoutDefault
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = WriteTimeoutDefault
	}
	ws.SetReadLimit(setupBytesMax)
	c := &server{link: link{ws: ws, out: outbox.New(ws, cfg.WriteTimeout)}, cfg: cfg, streams: map[uint32]*Stream{}}
	ws.SetPingHandler(func(data string) error { return c.control(websocket.PongMessage, data) })
	ws.SetCloseHandler(func(int, string) error { return nil }) // the connection is closed when the reader has ended
	return c
}

// setup handles the first frame. Requests that were sent right behind it wait in the socket meanwhile.
func (c *server) setup(ctx context.Context) (Handler, time.Duration, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.ws.Close() })
	defer stop()
	f, err := c.receive(c.cfg.SetupTimeout)
	if err != nil {
		return nil, 0, err
	}
	if err := checkSetup(&f); err != nil {
		return nil, 0, err
	}
	handler, err := c.cfg.Accept(ctx, &Setup{MetadataMime: f.MetadataMime, DataMime: f.DataMime, Metadata: f.Metadata})
	if err != nil {
		return nil, 0, asError(err, CodeRejectedSetup)
	}
	c.ws.SetReadLimit(int64(c.cfg.MaxRequestBytes) + 1024)
	return handler, min(time.Duration(f.LifetimeMS)*time.Millisecond, LifetimeMax), nil
}

func checkSetup(f *Frame) error {
	switch {
	case f.Type != TypeSetup:
		return &Error{CodeUnsupportedSetup, "[PSYNC_S2001] Unsupported setup"}
	case f.Stream != 0:
		return &Error{CodeInvalidSetup, "[PSYNC_S2001] SETUP belongs on stream 0"}
	case f.Major != 1:
		return &Error{CodeUnsupportedSetup, "[PSYNC_S2001] Unsupported protocol version"}
	case f.Has(FlagLease):
		return &Error{CodeRejectedSetup, "[PSYNC_S2001] Lease has to be disabled"}
	case f.Has(FlagResume):
		return &Error{CodeRejectedResume, "[PSYNC_S2001] No resume support"}
	case f.LifetimeMS == 0 || f.KeepaliveMS == 0:
		return &Error{CodeInvalidSetup, "[PSYNC_S2001] Keepalive times must be positive"}
	}
	return nil
}

// asError makes an error one that can be sent.
func asError(err error, code ErrorCode) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{code, internalText}
}

// run reads frames until the connection ends. The client must send one at least every lifetime.
func (c *server) run(ctx context.Context, handler Handler, lifetime time.Duration) error {
	c.handler = handler
	c.mu.Lock()
	c.idle = time.AfterFunc(c.cfg.StreamTimeout, func() { _ = c.ws.Close() })
	c.mu.Unlock()
	defer c.idle.Stop()
	gone, drained := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(drained)
		c.drain(gone)
	})
	err := c.read(ctx, lifetime)
	close(gone)
	c.end()
	c.running.Wait()
	if !stop() {
		<-drained
		err = nil
	}
	_ = c.ws.Close()
	if websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived) {
		return nil
	}
	return err
}

// drain lets the streams finish, whose contexts have ended, then makes the reader return, if need be by closing.
func (c *server) drain(gone <-chan struct{}) {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	c.running.Wait()
	_ = c.control(websocket.CloseMessage, "")
	select {
	case <-gone:
	case <-time.After(lingerTime):
	}
	_ = c.ws.Close()
}

// end cancels all streams, to which nothing can be sent any more.
func (c *server) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	for _, s := range c.streams {
		s.cancel(errClosed)
	}
}

func (c *server) read(ctx context.Context, lifetime time.Duration) error {
	for {
		f, err := c.receive(lifetime)
		if err != nil {
			return err
		}
		if err := c.dispatch(ctx, &f); err != nil {
			return err
		}
	}
}

// dispatch handles one frame. It never waits for a stream.
func (c *server) dispatch(ctx context.Context, f *Frame) error {
	switch f.Type {
	case TypeKeepalive:
		if len(f.Data) > keepaliveBytesMax {
			return fmt.Errorf("KEEPALIVE has %d bytes, more than %d", len(f.Data), keepaliveBytesMax)
		}
		if f.Has(FlagRespond) {
			return c.send(&Frame{Type: TypeKeepalive, Data: f.Data})
		}
	case TypeRequestStream:
		return c.start(ctx, f)
	case TypeRequestN:
		if s := c.stream(f.Stream); s != nil {
			s.grant(f.N)
		}
	case TypeCancel:
		if s := c.stream(f.Stream); s != nil {
			s.cancel(errCanceled)
		}
	case TypeRequestResponse, TypeRequestFNF, TypeRequestChannel:
		return c.fail(f.Stream, &Error{CodeRejected, "[PSYNC_S2002] Only REQUEST_STREAM is supported"})
	}
	return nil
}

func (c *server) stream(id uint32) *Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.streams[id]
}

// start starts a stream in a goroutine of its own. A stream id that is taken, or 0, is ignored, as frames for unknown streams are.
func (c *server) start(ctx context.Context, f *Frame) error {
	if f.Has(FlagFollows) {
		return c.fail(f.Stream, &Error{CodeRejected, "[PSYNC_S2001] Fragments are not supported"})
	}
	ctx, cancel := context.WithCancelCause(ctx)
	s := newStream(f.Stream, &c.link, f.N, cancel)
	req := Request{Metadata: f.Metadata, Data: f.Data}
	c.mu.Lock()
	full := len(c.streams) >= c.cfg.MaxStreams
	ok := !full && !c.closing && f.Stream != 0 && c.streams[f.Stream] == nil
	if ok {
		c.idle.Stop()
		c.streams[f.Stream] = s
		c.running.Go(func() { c.answer(ctx, req, s) })
	}
	c.mu.Unlock()
	if !ok {
		cancel(nil)
	}
	if full {
		return c.fail(f.Stream, &Error{CodeRejected, "[PSYNC_S2304] Too many streams on this connection"})
	}
	return nil
}

// answer runs the handler and ends the stream. An error in sending needs no care: it closes the connection, which the reader sees.
func (c *server) answer(ctx context.Context, req Request, s *Stream) {
	err := c.handler(ctx, req, s)
	cause := context.Cause(ctx)
	s.cancel(nil)
	c.mu.Lock()
	if delete(c.streams, s.id); len(c.streams) == 0 && !c.closing {
		c.idle.Reset(c.cfg.StreamTimeout)
	}
	c.mu.Unlock()
	switch {
	case errors.Is(cause, errCanceled), errors.Is(cause, errClosed):
	case err != nil:
		_ = c.fail(s.id, asError(err, CodeApplicationError))
	default:
		_ = c.send(&Frame{Stream: s.id, Type: TypePayload, Flags: FlagComplete})
	}
}
