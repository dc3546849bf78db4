package syncclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/weirsync/weir/clients/wire"
)

// Transport is how lines travel.
type Transport uint8

// Transports.
const (
	HTTP      Transport = iota // BSON, as today's SDKs prefer
	HTTPLines                  // NDJSON
	WebSocket
)

// Options of a Client. Endpoint and Token are needed.
type Options struct {
	Endpoint   string                                    // URL without trailing slash
	Token      func(ctx context.Context) (string, error) // asked before each connection, and when the token is about to expire
	Transport  Transport
	Compress   bool            // let the server compress HTTP streams
	ClientID   string          // identifies the client's write checkpoints
	Parameters json.RawMessage // client parameters, an object

	Streams         []Stream // to subscribe to
	ExcludeDefaults bool     // leave out streams that are subscribed to by default

	// OnApply is called after each checkpoint that was applied, from the goroutine of Run: the stream waits meanwhile.
	OnApply func(Applied)
	// OnError is called when a connection could not be made or ended with an error. Cancel the context of Run to give up.
	OnError func(error)

	DiscardRows bool          // verify checksums, but keep no rows and report no changes
	RetryDelay  time.Duration // before a new connection, 5 s if 0
	HTTPClient  *http.Client  // http.DefaultClient if nil

	silence time.Duration // of tests; silenceMax if 0
}

// Stream is a subscription.
type Stream struct {
	Name       string          `json:"stream"`
	Parameters json.RawMessage `json:"parameters"`
	Priority   *int            `json:"override_priority"`
}

// Applied is a checkpoint that was applied.
type Applied struct {
	Checkpoint      uint64
	WriteCheckpoint int64 // 0: none
	Priority        int   // of a partial completion, -1 for a whole checkpoint
	Changes         []Change
}

// Change is a row that appeared (Old is nil), changed, or went (New is nil).
type Change struct {
	Table, ID string
	Old, New  json.RawMessage
}

// Stats counts since the client was made.
type Stats struct {
	Connections int64
	Lines       int64
	Bytes       int64 // of lines, uncompressed
	Ops         int64
	Checkpoints int64 // applied as a whole
	Partials    int64 // applied in part
}

// Client is a client of one user. Run does its work; the other methods may be called meanwhile.
type Client struct {
	opts Options

	mu    sync.Mutex
	state *state
	stats Stats
}

// retryDelayDefault is that of all SDKs.
const retryDelayDefault = 5 * time.Second

// silenceMax is how long an HTTP stream may say nothing before it counts as dead: its server says something every 20 seconds. A WebSocket
// has keep-alives of its own (package rsocket), and nothing else for as long as nothing happens.
const silenceMax = time.Minute

// New returns a client that has nothing yet.
func New(opts Options) *Client {
	if opts.RetryDelay == 0 {
		opts.RetryDelay = retryDelayDefault
	}
	if opts.HTTPClient == nil {
		opts.HTTPClient = http.DefaultClient
	}
	if opts.silence == 0 {
		opts.silence = silenceMax
	}
	return &Client{opts: opts, state: newState(!opts.DiscardRows)}
}

// StaticToken is an Options.Token that always returns token.
func StaticToken(token string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}

// StatusError is an answer of the server that is no stream.
type StatusError struct {
	Status int    // of HTTP
	Code   string // PSYNC_..., if it had one
	Text   string
}

func (e *StatusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("server answers %d %s %s", e.Status, e.Code, e.Text))
}

// Run keeps the client connected until ctx ends, and returns its error.
func (c *Client) Run(ctx context.Context) error {
	for {
		renewed, err := c.connect(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && c.opts.OnError != nil {
			c.opts.OnError(err)
		}
		if renewed {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.opts.RetryDelay):
		}
	}
}

// lines is an open stream.
type lines interface {
	// next returns the next line, and its size. io.EOF after the last. What it returns is valid until the next call.
	next() (*wire.Line, int, error)
	close()
}

// connect makes one connection and reads it to its end. renewed: a new token is there, connect with it at once.
func (c *Client) connect(ctx context.Context) (renewed bool, err error) {
	token, err := c.opts.Token(ctx)
	if err != nil {
		return false, fmt.Errorf("get a token: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.mu.Lock()
	c.stats.Connections++
	c.state.connected()
	body, err := c.requestLocked()
	c.mu.Unlock()
	if err != nil {
		return false, err
	}
	silent := time.AfterFunc(c.opts.silence, func() { cancel(errors.New("the server has fallen silent")) })
	defer silent.Stop()
	stream, err := c.open(ctx, token, body)
	if err != nil {
		return false, err
	}
	defer stream.close()
	heard := func() { silent.Reset(c.opts.silence) }
	if c.opts.Transport == WebSocket {
		silent.Stop()
		heard = func() {}
	}
	renewed, err = c.read(ctx, stream, heard, token)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return renewed, err
}

func (c *Client) open(ctx context.Context, token string, body []byte) (lines, error) {
	if c.opts.Transport == WebSocket {
		return c.dial(ctx, token, body)
	}
	return c.post(ctx, token, body)
}

// requestLocked is the body of a stream request.
func (c *Client) requestLocked() ([]byte, error) {
	type bucket struct {
		Name  string `json:"name"`
		After string `json:"after"`
	}
	request := struct {
		Buckets    []bucket        `json:"buckets"`
		Checksum   bool            `json:"include_checksum"`
		Raw        bool            `json:"raw_data"`
		Binary     bool            `json:"binary_data"`
		ClientID   string          `json:"client_id,omitempty"`
		Parameters json.RawMessage `json:"parameters,omitempty"`
		Streams    struct {
			Defaults      bool     `json:"include_defaults"`
			Subscriptions []Stream `json:"subscriptions"`
		} `json:"streams"`
	}{Buckets: []bucket{}, Checksum: true, Raw: true, Binary: true, ClientID: c.opts.ClientID, Parameters: c.opts.Parameters}
	request.Streams.Defaults = !c.opts.ExcludeDefaults
	request.Streams.Subscriptions = append([]Stream{}, c.opts.Streams...)
	for name, after := range c.state.positions() {
		request.Buckets = append(request.Buckets, bucket{name, fmt.Sprint(after)})
	}
	return json.Marshal(request)
}

// read handles lines until the stream ends, and calls heard at each.
func (c *Client) read(ctx context.Context, stream lines, heard func(), token string) (renewed bool, err error) {
	for {
		line, size, err := stream.next()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("read stream: %w", err)
		}
		heard()
		applied, err := c.handle(line, size)
		if err != nil {
			return false, err
		}
		if applied != nil && c.opts.OnApply != nil {
			c.opts.OnApply(*applied)
		}
		if line.ExpiresIn != nil && *line.ExpiresIn <= renewBefore {
			if fresh, err := c.opts.Token(ctx); err == nil && fresh != token {
				return true, nil
			}
		}
	}
}

// renewBefore is how many seconds before its expiry a token is replaced.
const renewBefore = 30

// handle does what the line says.
func (c *Client) handle(line *wire.Line, size int) (*Applied, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Lines++
	c.stats.Bytes += int64(size)
	if line.Page != nil {
		c.stats.Ops += int64(len(line.Page.Ops))
	}
	applied, err := c.state.handle(line)
	if err == nil && applied != nil {
		if applied.Priority < 0 {
			c.stats.Checkpoints++
		} else {
			c.stats.Partials++
		}
	}
	return applied, err
}

// Stats returns the counts so far.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// Positions returns up to which op id each bucket is held: what the next connection will ask from.
func (c *Client) Positions() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.positions()
}

// Streams returns what the server said last of the streams that the client is subscribed to, with their errors.
func (c *Client) Streams() []wire.Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.streams
}
