package rsocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// DialConfig of the client side. The defaults are those of the JS SDK.
type DialConfig struct {
	MetadataMime, DataMime string // application/json if empty
	Metadata               []byte // of SETUP
	Keepalive              time.Duration
	Lifetime               time.Duration
}

// Client is the client side of a connection. Safe for concurrent use.
type Client struct {
	link
	lifetime time.Duration
	done     chan struct{} // closed once the connection is gone
	running  sync.WaitGroup

	mu      sync.Mutex
	streams map[uint32]*Incoming
	next    uint32
	err     error // why the connection is gone, set before done is closed
}

// Dial connects to a ws or wss URL and sends SETUP, to which no answer comes unless it is refused. Close the client.
func Dial(ctx context.Context, url string, cfg DialConfig) (*Client, error) {
	if cfg.Keepalive == 0 {
		cfg.Keepalive, cfg.Lifetime = 20*time.Second, 90*time.Second
	}
	if cfg.MetadataMime == "" {
		cfg.MetadataMime, cfg.DataMime = "application/json", "application/json"
	}
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: SetupTimeoutDefault}
	ws, resp, err := dialer.DialContext(ctx, url, nil)
	if err != nil {
		if resp != nil {
			err = fmt.Errorf("%w: %s", err, resp.Status)
		}
		return nil, fmt.Errorf("dial %s: %w", url, err)
	}
	c := &Client{
		link:     link{ws: ws, timeout: WriteTimeoutDefault},
		lifetime: cfg.Lifetime,
		done:     make(chan struct{}),
		streams:  map[uint32]*Incoming{},
		next:     1,
	}
	setup := Frame{
		Type: TypeSetup, Flags: FlagMetadata, Major: 1,
		KeepaliveMS: uint32(cfg.Keepalive.Milliseconds()), LifetimeMS: uint32(cfg.Lifetime.Milliseconds()),
		MetadataMime: cfg.MetadataMime, DataMime: cfg.DataMime, Metadata: cfg.Metadata,
	}
	if err := c.send(&setup); err != nil {
		_ = ws.Close()
		return nil, fmt.Errorf("send SETUP: %w", err)
	}
	c.running.Go(c.read)
	c.running.Go(func() { c.keepAlive(cfg.Keepalive) })
	return c, nil
}

// Close closes the connection and waits for its goroutines.
func (c *Client) Close() error {
	_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	err := c.ws.Close()
	c.running.Wait()
	return err
}

// Stream requests a stream, of which up to window payloads may be under way. Of a connection that is gone it returns why: the *Error of
// a server that refused it, say.
func (c *Client) Stream(metadata, data []byte, window int) (*Incoming, error) {
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return nil, c.err
	}
	in := &Incoming{client: c, id: c.next, window: window, payloads: make(chan []byte, window), ended: make(chan struct{})}
	c.next += 2
	c.streams[in.id] = in
	c.mu.Unlock()
	f := Frame{Stream: in.id, Type: TypeRequestStream, Flags: FlagMetadata, N: uint32(window), Metadata: metadata, Data: data}
	if err := c.send(&f); err != nil {
		return nil, fmt.Errorf("send REQUEST_STREAM: %w", c.reason(err))
	}
	return in, nil
}

// reason returns what ended the connection of which a write returned err. The server's own words may still be on their way to the reader.
func (c *Client) reason(err error) error {
	select {
	case <-c.done:
		return c.err
	case <-time.After(lingerTime):
		return err
	}
}

func (c *Client) keepAlive(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-tick.C:
			// An error will be seen by the reader.
			_ = c.send(&Frame{Type: TypeKeepalive, Flags: FlagRespond})
		}
	}
}

// read dispatches frames until the connection ends, and with it its streams.
func (c *Client) read() {
	var err error
	for err == nil {
		var f Frame
		if f, err = c.receive(c.lifetime); err == nil {
			err = c.dispatch(&f)
		}
	}
	_ = c.ws.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	for id := range c.streams {
		c.endLocked(id, err)
	}
	close(c.done)
}

func (c *Client) dispatch(f *Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f.Type {
	case TypeError:
		e := &Error{f.Code, string(f.Data)}
		if f.Stream == 0 {
			return e
		}
		c.endLocked(f.Stream, e)
	case TypePayload:
		in := c.streams[f.Stream]
		if in != nil && f.Has(FlagNext) {
			select {
			case in.payloads <- f.Data:
			default:
				return errors.New("the server sent more payloads than were asked for")
			}
		}
		if f.Has(FlagComplete) {
			c.endLocked(f.Stream, io.EOF)
		}
	}
	return nil
}

func (c *Client) endLocked(id uint32, err error) {
	if in := c.streams[id]; in != nil {
		in.err = err
		close(in.ended)
		delete(c.streams, id)
	}
}

// Incoming is the client's end of a stream. For one goroutine.
type Incoming struct {
	client   *Client
	id       uint32
	window   int
	taken    int // payloads since the last REQUEST_N
	payloads chan []byte
	ended    chan struct{}
	err      error // why it ended, set before ended is closed
}

// Next returns the next payload, which belongs to the caller. After the last it returns io.EOF if the stream was completed, else an *Error
// or what broke the connection.
func (in *Incoming) Next(ctx context.Context) ([]byte, error) {
	select {
	case p := <-in.payloads:
		return p, in.ask()
	default:
	}
	select {
	case p := <-in.payloads:
		return p, in.ask()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-in.ended:
	}
	select {
	case p := <-in.payloads: // came before the end
		return p, nil
	default:
		return nil, in.err
	}
}

// ask replaces taken credit once half of the window is used up. It doesn't fail: a broken connection is seen after the payloads
// that came before.
func (in *Incoming) ask() error {
	in.taken++
	if in.taken*2 >= in.window {
		_ = in.client.send(&Frame{Stream: in.id, Type: TypeRequestN, N: uint32(in.taken)})
		in.taken = 0
	}
	return nil
}

// Cancel tells the server to stop. Payloads under way can still be read.
func (in *Incoming) Cancel() error {
	return in.client.send(&Frame{Stream: in.id, Type: TypeCancel})
}
