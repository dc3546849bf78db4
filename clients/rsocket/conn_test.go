package rsocket

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gorilla/websocket"

	"github.com/weirsync/weir/clients/outbox"
)

// testServer serves connections on a loopback port.
type testServer struct {
	url   string
	drain context.CancelFunc
	ended chan error // what Serve returned
}

func serve(t testing.TB, cfg Config) *testServer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &testServer{drain: cancel, ended: make(chan error, 10)}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		s.ended <- Serve(ctx, ws, cfg)
	}))
	t.Cleanup(func() {
		cancel()
		h.Close()
	})
	s.url = "ws" + strings.TrimPrefix(h.URL, "http")
	return s
}

// serveRaw upgrades connections and hands them to fn.
func serveRaw(t testing.TB, fn func(*websocket.Conn)) string {
	t.Helper()
	upgrader := websocket.Upgrader{}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.Close()
		fn(ws)
	}))
	t.Cleanup(h.Close)
	return "ws" + strings.TrimPrefix(h.URL, "http")
}

// accept is a Config whose connections all get handler.
func accept(handler Handler) Config {
	return Config{Accept: func(context.Context, *Setup) (Handler, error) { return handler, nil }}
}

// raw is a client that sends and expects single frames.
type raw struct {
	t  testing.TB
	ws *websocket.Conn
}

func dialRaw(t testing.TB, url string) *raw {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	return &raw{t, ws}
}

func (r *raw) send(frames ...Frame) {
	r.t.Helper()
	for _, f := range frames {
		if err := r.ws.WriteMessage(websocket.BinaryMessage, f.Append(nil)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// expect reads one frame and compares it.
func (r *raw) expect(want Frame) {
	r.t.Helper()
	if err := r.ws.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	_, msg, err := r.ws.ReadMessage()
	if err != nil {
		r.t.Fatalf("got %v, want %+v", err, want)
	}
	got, err := Parse(msg)
	if err != nil {
		r.t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		r.t.Fatalf("frame (-want +got):\n%s", diff)
	}
}

// expectEnd checks that the server closes the connection.
func (r *raw) expectEnd() {
	r.t.Helper()
	if err := r.ws.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	_, _, err := r.ws.ReadMessage()
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		r.t.Fatalf("got %v, want the end of the connection", err)
	}
}

func setup() Frame {
	return Frame{
		Type: TypeSetup, Flags: FlagMetadata, Major: 1, KeepaliveMS: 20000, LifetimeMS: 90000,
		MetadataMime: "application/json", DataMime: "application/json", Metadata: []byte(`{"token":"t"}`),
	}
}

func request(id, n uint32) Frame {
	return Frame{Stream: id, Type: TypeRequestStream, Flags: FlagMetadata, N: n, Metadata: []byte("m"), Data: []byte("d")}
}

func payload(id uint32, data string) Frame {
	return Frame{Stream: id, Type: TypePayload, Flags: FlagNext, Data: []byte(data)}
}

func complete(id uint32) Frame { return Frame{Stream: id, Type: TypePayload, Flags: FlagComplete} }

func keepalive(data string) (ask, answer Frame) {
	return Frame{Type: TypeKeepalive, Flags: FlagRespond, Position: 5, Data: []byte(data)}, Frame{Type: TypeKeepalive, Data: []byte(data)}
}

// count sends n payloads "0", "1", ...
func count(n int) Handler {
	return func(ctx context.Context, _ Request, out *Stream) error {
		for i := range n {
			if err := out.Send(ctx, []byte(strconv.Itoa(i))); err != nil {
				return err
			}
		}
		return nil
	}
}

// until the stream's context ends.
func forever(ctx context.Context, _ Request, _ *Stream) error {
	<-ctx.Done()
	return nil
}

func TestPoint42_SetupAndRequestBackToBack(t *testing.T) {
	got := make(chan Setup, 1)
	s := serve(t, Config{Accept: func(_ context.Context, setup *Setup) (Handler, error) {
		got <- *setup
		return func(ctx context.Context, req Request, out *Stream) error {
			return out.Send(ctx, append(req.Metadata, req.Data...))
		}, nil
	}})
	c := dialRaw(t, s.url)
	c.send(setup(), request(1, 10))
	c.expect(payload(1, "md"))
	c.expect(complete(1))
	want := Setup{MetadataMime: "application/json", DataMime: "application/json", Metadata: []byte(`{"token":"t"}`)}
	if diff := cmp.Diff(want, <-got); diff != "" {
		t.Errorf("setup (-want +got):\n%s", diff)
	}
}

func TestPoint43_CreditLimitsPayloads(t *testing.T) {
	s := serve(t, accept(count(4)))
	c := dialRaw(t, s.url)
	c.send(setup(), request(1, 1))
	c.expect(payload(1, "0"))
	// The answer to a keep-alive proves that no payload is on its way.
	ask, answer := keepalive("a")
	c.send(ask)
	c.expect(answer)
	c.send(Frame{Stream: 1, Type: TypeRequestN, N: 2})
	c.expect(payload(1, "1"))
	c.expect(payload(1, "2"))
	c.send(ask)
	c.expect(answer)
	c.send(Frame{Stream: 1, Type: TypeRequestN, N: MaxN}, Frame{Stream: 1, Type: TypeRequestN, N: MaxN})
	c.expect(payload(1, "3"))
	c.expect(complete(1))
}

func TestPoint44_KeepaliveIsAnsweredAtOnce(t *testing.T) {
	busy := make(chan struct{})
	defer close(busy)
	s := serve(t, accept(func(context.Context, Request, *Stream) error {
		<-busy
		return nil
	}))
	c := dialRaw(t, s.url)
	c.send(setup(), request(1, 1))
	for _, data := range []string{"", "0123456789"} {
		ask, answer := keepalive(data)
		c.send(ask)
		c.expect(answer)
	}
	c.send(Frame{Type: TypeKeepalive, Data: []byte("not asked")})
	ask, answer := keepalive("next")
	c.send(ask)
	c.expect(answer)
}

func TestPoint45_RefusedSetup(t *testing.T) {
	s := serve(t, Config{Accept: func(context.Context, *Setup) (Handler, error) {
		return nil, &Error{CodeRejectedSetup, "[PSYNC_S2101] signature verification failed"}
	}})
	c := dialRaw(t, s.url)
	c.send(setup(), request(1, 10))
	c.expect(Frame{Type: TypeError, Code: CodeRejectedSetup, Data: []byte("[PSYNC_S2101] signature verification failed")})
	c.expectEnd()
}

func TestPoint45_FailedRequestKeepsTheConnection(t *testing.T) {
	s := serve(t, accept(func(_ context.Context, req Request, _ *Stream) error {
		if string(req.Data) == "d" {
			return &Error{CodeApplicationError, "[PSYNC_S2002] no such path"}
		}
		return errors.New("a secret")
	}))
	c := dialRaw(t, s.url)
	c.send(setup(), request(1, 10))
	c.expect(Frame{Stream: 1, Type: TypeError, Code: CodeApplicationError, Data: []byte("[PSYNC_S2002] no such path")})
	other := request(3, 10)
	other.Data = nil
	c.send(other)
	c.expect(Frame{Stream: 3, Type: TypeError, Code: CodeApplicationError, Data: []byte("[PSYNC_S2001] Something went wrong")})
}

func TestBadSetups(t *testing.T) {
	s := serve(t, accept(count(1)))
	change := func(f func(*Frame)) Frame {
		s := setup()
		f(&s)
		return s
	}
	for _, tt := range []struct {
		name  string
		first Frame
		code  ErrorCode
		text  string
	}{
		{"no SETUP", request(1, 1), CodeUnsupportedSetup, "[PSYNC_S2001] Unsupported setup"},
		{"lease", change(func(f *Frame) { f.Flags |= FlagLease }), CodeRejectedSetup, "[PSYNC_S2001] Lease has to be disabled"},
		{"resume", change(func(f *Frame) { f.Flags |= FlagResume }), CodeRejectedResume, "[PSYNC_S2001] No resume support"},
		{"version 2", change(func(f *Frame) { f.Major = 2 }), CodeUnsupportedSetup, "[PSYNC_S2001] Unsupported protocol version"},
		{"no lifetime", change(func(f *Frame) { f.LifetimeMS = 0 }), CodeInvalidSetup, "[PSYNC_S2001] Keepalive times must be positive"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dialRaw(t, s.url)
			c.send(tt.first)
			c.expect(Frame{Type: TypeError, Code: tt.code, Data: []byte(tt.text)})
			c.expectEnd()
		})
	}
}

func TestUndecodableMessagesEndTheConnection(t *testing.T) {
	s := serve(t, accept(forever))
	for name, before := range map[string][]Frame{"first": nil, "later": {setup(), request(1, 1)}} {
		for kind, msg := range map[int]string{websocket.TextMessage: "{}", websocket.BinaryMessage: "abc"} {
			c := dialRaw(t, s.url)
			c.send(before...)
			if err := c.ws.WriteMessage(kind, []byte(msg)); err != nil {
				t.Fatal(err)
			}
			c.expectEnd()
			if err := <-s.ended; err == nil {
				t.Errorf("%s, message kind %d: Serve returned nil", name, kind)
			}
		}
	}
}

func TestOversizedMessagesEndTheConnection(t *testing.T) {
	bigSetup, bigRequest := setup(), request(1, 1)
	bigSetup.Metadata = make([]byte, setupBytesMax)
	bigRequest.Data = make([]byte, MaxRequestBytesDefault+1024)
	for name, frames := range map[string][]Frame{"SETUP": {bigSetup}, "REQUEST_STREAM": {setup(), bigRequest}} {
		s := serve(t, accept(forever))
		dialRaw(t, s.url).send(frames...)
		if err := <-s.ended; !errors.Is(err, websocket.ErrReadLimit) {
			t.Errorf("%s: got %v, want %v", name, err, websocket.ErrReadLimit)
		}
	}
}

// What is echoed is held for as long as the client doesn't take it.
func TestOversizedKeepalivesEndTheConnection(t *testing.T) {
	s := serve(t, accept(forever))
	ask, _ := keepalive(strings.Repeat("x", keepaliveBytesMax+1))
	dialRaw(t, s.url).send(setup(), ask)
	if err := <-s.ended; err == nil || !strings.Contains(err.Error(), "KEEPALIVE") {
		t.Errorf("got %v, want an error of KEEPALIVE", err)
	}
}

func TestPoint47_CancelFreesTheStream(t *testing.T) {
	ended := make(chan error, 1)
	s := serve(t, accept(func(ctx context.Context, _ Request, out *Stream) error {
		err := out.Ready(ctx)
		for err == nil {
			err = out.Send(ctx, []byte("x"))
		}
		ended <- err
		return err
	}))
	c := dialRaw(t, s.url)
	c.send(setup(), request(1, 1))
	c.expect(payload(1, "x"))
	c.send(Frame{Stream: 1, Type: TypeCancel}, Frame{Stream: 99, Type: TypeCancel}, Frame{Stream: 99, Type: TypeRequestN, N: 1})
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("handler ended with %v", err)
	}
	// Nothing is sent for the canceled stream, and the connection serves the next.
	c.send(request(3, 1))
	c.expect(payload(3, "x"))
}

func TestPoint49_SilentClientIsClosed(t *testing.T) {
	s := serve(t, accept(forever))
	c := dialRaw(t, s.url)
	short := setup()
	short.KeepaliveMS, short.LifetimeMS = 10, 300
	c.send(short, request(1, 1))
	// While it says something it lives, several times its lifetime.
	ask, answer := keepalive("x")
	for start := time.Now(); time.Since(start) < time.Second; {
		c.send(ask)
		c.expect(answer)
	}
	c.expectEnd()
	if err := <-s.ended; err == nil {
		t.Error("Serve returned nil")
	}
}

// Whoever says that it is there, and asks for nothing, must not hold a connection forever.
func TestConnectionWithoutAStreamIsClosed(t *testing.T) {
	cfg := accept(count(1))
	cfg.StreamTimeout = 500 * time.Millisecond
	s := serve(t, cfg)
	c := dialRaw(t, s.url)
	c.send(setup())
	c.expectEnd()
	c = dialRaw(t, s.url)
	c.send(setup(), request(1, 1)) // its stream ends
	c.expect(payload(1, "0"))
	c.expect(complete(1))
	c.expectEnd()
}

// Of the lifetime that clients ask for, five minutes count: an idle connection lives as long as its keep-alives come, silent ones
// don't. The session of an idle client is tested for hours on a false clock (clients: TestPoint49).
func TestPoint49_LifetimeIsBounded(t *testing.T) {
	long := setup()
	long.LifetimeMS = 1 << 31
	got := make(chan time.Duration, 1)
	upgraded := serveRaw(t, func(ws *websocket.Conn) {
		c := newServer(ws, accept(forever))
		_, lifetime, err := c.setup(t.Context())
		if err != nil {
			t.Error(err)
		}
		got <- lifetime
	})
	dialRaw(t, upgraded).send(long)
	if lifetime := <-got; lifetime != LifetimeMax {
		t.Errorf("lifetime %v, want %v", lifetime, LifetimeMax)
	}
}

func TestStreamsOfAConnectionAreLimited(t *testing.T) {
	cfg := accept(forever)
	cfg.MaxStreams = 1
	s := serve(t, cfg)
	c := dialRaw(t, s.url)
	c.send(setup(), request(1, 1), request(3, 1))
	c.expect(Frame{Stream: 3, Type: TypeError, Code: CodeRejected, Data: []byte("[PSYNC_S2304] Too many streams on this connection")})
}

func TestOtherRequestTypesAreRejected(t *testing.T) {
	s := serve(t, accept(forever))
	c := dialRaw(t, s.url)
	c.send(setup(), Frame{Stream: 1, Type: TypeRequestResponse})
	c.expect(Frame{Stream: 1, Type: TypeError, Code: CodeRejected, Data: []byte("[PSYNC_S2002] Only REQUEST_STREAM is supported")})
	f := request(3, 1)
	f.Flags |= FlagFollows
	c.send(f)
	c.expect(Frame{Stream: 3, Type: TypeError, Code: CodeRejected, Data: []byte("[PSYNC_S2001] Fragments are not supported")})
}

func TestDrainCompletesStreams(t *testing.T) {
	s := serve(t, accept(forever))
	c := dialRaw(t, s.url)
	c.send(setup(), request(1, 1))
	ask, answer := keepalive("running")
	c.send(ask)
	c.expect(answer)
	s.drain()
	c.expect(complete(1))
	c.expectEnd()
	if err := <-s.ended; err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

// A client that reads nothing fills the socket; the write deadline must end it.
func TestStalledClientIsClosed(t *testing.T) {
	cfg := accept(func(ctx context.Context, _ Request, out *Stream) error {
		data := make([]byte, 1<<20)
		for {
			if err := out.Send(ctx, data); err != nil {
				return err
			}
		}
	})
	cfg.WriteTimeout = 100 * time.Millisecond
	s := serve(t, cfg)
	c := dialRaw(t, s.url)
	c.send(setup(), request(1, MaxN))
	select {
	case err := <-s.ended:
		if err == nil {
			t.Error("Serve returned nil")
		}
	case <-time.After(30 * time.Second):
		t.Error("the connection outlives the write deadline")
	}
}

// A handler whose payload can't be sent sees at once that its client is gone: it is no fault of its own.
func TestFailedSendEndsTheStream(t *testing.T) {
	s := serve(t, accept(count(0)))
	c := dialRaw(t, s.url)
	c.ws.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	out := newStream(1, &link{ws: c.ws, out: outbox.New(c.ws, time.Second)}, 1, cancel)
	if err := out.Send(ctx, []byte("x")); err == nil || !errors.Is(context.Cause(ctx), errClosed) {
		t.Errorf("got %v, context %v", err, context.Cause(ctx))
	}
}

// What is held goes out together, in order, at the latest before the stream waits for credit.
func TestHeldPayloadsAreSentTogether(t *testing.T) {
	held, flush := make(chan struct{}), make(chan struct{})
	s := serve(t, accept(func(ctx context.Context, _ Request, out *Stream) error {
		for _, text := range []string{"a", strings.Repeat("b", 200), "c"} {
			if err := out.Hold(ctx, []byte(text)); err != nil {
				return err
			}
		}
		close(held)
		<-flush
		if err := out.Flush(); err != nil {
			return err
		}
		for range 2 { // the second one has no credit
			if err := out.Hold(ctx, []byte("d")); err != nil {
				return err
			}
		}
		return nil
	}))
	c := dialRaw(t, s.url)
	c.send(setup(), request(1, 4))
	<-held
	close(flush)
	for _, text := range []string{"a", strings.Repeat("b", 200), "c", "d"} {
		c.expect(payload(1, text))
	}
	c.send(Frame{Stream: 1, Type: TypeRequestN, N: 1})
	c.expect(payload(1, "d"))
	c.expect(complete(1))
}

// Pings and closes come through although the server writes its messages itself.
func TestControlMessages(t *testing.T) {
	s := serve(t, accept(forever))
	c := dialRaw(t, s.url)
	pong := make(chan string, 1)
	c.ws.SetPongHandler(func(data string) error { pong <- data; return nil })
	if err := c.ws.WriteControl(websocket.PingMessage, []byte("hello"), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	ask, answer := keepalive("x")
	c.send(setup(), ask)
	c.expect(answer) // reading it handles the pong that came before
	if got := <-pong; got != "hello" {
		t.Errorf("pong %q", got)
	}
	if err := c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("Serve returned %v after a close", err)
	}
}

func TestClient(t *testing.T) {
	const n = 1000
	s := serve(t, Config{Accept: func(_ context.Context, setup *Setup) (Handler, error) {
		if string(setup.Metadata) != "token" {
			return nil, &Error{CodeRejectedSetup, "no"}
		}
		return count(n), nil
	}})
	c, err := Dial(t.Context(), s.url, DialConfig{Metadata: []byte("token")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, window := range []int{1, 10} {
		in, err := c.Stream([]byte("m"), []byte("d"), window)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			p, err := in.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := string(p); got != strconv.Itoa(i) {
				t.Fatalf("payload %d is %q", i, got)
			}
		}
		if _, err := in.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want io.EOF", err)
		}
	}
}

func TestClientSeesRefusalAndCloses(t *testing.T) {
	s := serve(t, Config{Accept: func(context.Context, *Setup) (Handler, error) {
		return nil, &Error{CodeRejectedSetup, "[PSYNC_S2101] no"}
	}})
	for _, seen := range []bool{false, true} { // the refusal, before the request is sent
		c, err := Dial(t.Context(), s.url, DialConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if seen {
			<-c.done
		}
		in, err := c.Stream(nil, nil, 1)
		if err == nil {
			_, err = in.Next(t.Context())
		}
		var refused *Error
		if !errors.As(err, &refused) || refused.Code != CodeRejectedSetup {
			t.Errorf("seen before: %t; got %v", seen, err)
		}
	}
}

func TestClientKeepsAnIdleConnectionAlive(t *testing.T) {
	s := serve(t, accept(forever))
	c, err := Dial(t.Context(), s.url, DialConfig{Keepalive: 20 * time.Millisecond, Lifetime: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in, err := c.Stream(nil, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if _, err := in.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want a connection that outlives its lifetime several times", err)
	}
	if err := in.Cancel(); err != nil {
		t.Error(err)
	}
}
