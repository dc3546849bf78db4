package clients

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/gorilla/websocket"

	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/clients/outbox"
	"github.com/weirsync/weir/clients/rsocket"
	"github.com/weirsync/weir/clients/wire"
)

// streamPath is the only path of RSocket requests.
const streamPath = "/sync/stream"

// serveSocket answers GET /sync/stream, which must be an upgrade.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		s.writeFault(w, r, faultNotFound)
		return
	}
	known, err := s.greet()
	if err != nil {
		s.writeFault(w, r, err)
		return
	}
	ws, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		known()
		return // Upgrade has answered
	}
	release, ok := s.hold(ws)
	if !ok {
		known()
		_ = ws.Close()
		return
	}
	// The goroutine of net/http, with its buffers and the request, ends here: they would be most of what an idle client takes.
	// Shutdown waits for this one.
	agent := userAgent(r.Header)
	go func() {
		defer release()
		defer known()
		if ws.Subprotocol() == JSONProtocol {
			s.serveJSON(ws, agent, known)
			return
		}
		(&connection{server: s, ws: ws, agent: agent, known: known}).run()
	}()
}

// run serves the socket to its end.
func (c *connection) run() {
	defer c.close()
	err := rsocket.Serve(c.server.draining, c.ws, rsocket.Config{
		Accept: c.accept, MaxRequestBytes: c.server.cfg.MaxRequestBytes, WriteTimeout: c.server.cfg.WriteTimeout,
	})
	if err != nil {
		c.server.log.Debug("connection ended", "path", streamPath, "cause", err)
	}
}

// hold keeps the socket where Shutdown can close it, and makes Shutdown wait until it is released. It fails if that has begun.
func (s *Server) hold(ws *websocket.Conn) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Err() != nil {
		return nil, false
	}
	s.sockets[ws] = struct{}{}
	s.running.Add(1)
	return func() {
		s.mu.Lock()
		delete(s.sockets, ws)
		s.mu.Unlock()
		s.running.Done()
	}, true
}

// connection is an RSocket connection of a client.
type connection struct {
	server  *Server
	ws      *websocket.Conn
	agent   string
	known   func() // gives the place of a stranger back
	claims  *auth.Claims
	binary  bool         // requests are BSON
	leave   func()       // nil until admitted
	streams atomic.Int32 // that are being answered
}

// rsocketStream is the sender of a stream.
type rsocketStream struct {
	*rsocket.Stream
	of *connection
}

// Room is that of the connection. Streams that share one get small pages: each of them would count on all of it.
func (out rsocketStream) Room() (lines, bytes int) {
	lines = out.Credit()
	if out.of.streams.Load() > 1 {
		return lines, 0
	}
	return lines, outbox.Room(out.of.ws.NetConn())
}

// setupMetadata is the metadata of SETUP.
type setupMetadata struct {
	Token     string `json:"token"`
	UserAgent string `json:"user_agent"`
}

// requestMetadata is the metadata of REQUEST_STREAM.
type requestMetadata struct {
	Path string `json:"path"`
}

func (c *connection) close() {
	if c.leave != nil {
		c.leave()
	}
}

// accept decides on SETUP.
func (c *connection) accept(ctx context.Context, setup *rsocket.Setup) (rsocket.Handler, error) {
	if err := c.open(ctx, setup); err != nil {
		f := asFault(err)
		c.server.logFault(ctx, streamPath, f)
		return nil, &rsocket.Error{Code: rsocket.CodeRejectedSetup, Text: f.wireText()}
	}
	return c.serve, nil
}

func (c *connection) open(ctx context.Context, setup *rsocket.Setup) (err error) {
	binaryMetadata, err := isBSON(setup.MetadataMime)
	if err != nil {
		return err
	}
	if c.binary, err = isBSON(setup.DataMime); err != nil {
		return err
	}
	if setup.Metadata == nil {
		return faultNoMetadata
	}
	var metadata setupMetadata
	if err := decode(setup.Metadata, binaryMetadata, &metadata); err != nil {
		return err
	}
	if metadata.UserAgent != "" {
		c.agent = metadata.UserAgent
	}
	if c.claims, err = c.server.authorize(ctx, metadata.Token); err != nil {
		return err
	}
	c.leave, err = c.server.admit(c.claims.Subject)
	c.known()
	return err
}

func isBSON(mime string) (bool, error) {
	switch mime {
	case "application/json":
		return false, nil
	case "application/bson":
		return true, nil
	}
	return false, faultMediaType
}

// decode decodes an object in one of the two encodings that clients use.
func decode(data []byte, binary bool, v any) error {
	text, err := asJSON(data, binary)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return invalid("/: must be an object of the expected form")
	}
	return nil
}

// asJSON returns data as JSON text.
func asJSON(data []byte, binary bool) ([]byte, error) {
	if !binary {
		return data, nil
	}
	text, err := wire.AppendJSON(nil, data)
	if err != nil {
		f := invalid("/: must be a BSON document")
		f.cause = err
		return nil, f
	}
	return text, nil
}

// serve answers a request.
func (c *connection) serve(ctx context.Context, req rsocket.Request, out *rsocket.Stream) error {
	err := c.stream(ctx, req, out)
	if err == nil {
		return nil
	}
	f := asFault(err)
	if !errors.Is(err, context.Canceled) {
		c.server.logFault(ctx, streamPath, f)
	}
	return &rsocket.Error{Code: rsocket.CodeApplicationError, Text: f.wireText()}
}

func (c *connection) stream(ctx context.Context, req rsocket.Request, out *rsocket.Stream) error {
	var metadata requestMetadata
	if err := decode(req.Metadata, c.binary, &metadata); err != nil {
		return err
	}
	if metadata.Path != streamPath {
		return faultNotFound
	}
	body, err := asJSON(req.Data, c.binary)
	if err != nil {
		return err
	}
	parsed, err := parseStreamRequest(body)
	if err != nil {
		return err
	}
	sess := c.server.newSession(parsed, c.claims, 0)
	sess.format, sess.out = wire.BSON, rsocketStream{out, c}
	c.streams.Add(1)
	defer c.streams.Add(-1)
	return c.server.attend(ctx, sess, visit{OverRSocket, http.MethodGet + " " + streamPath, c.agent})
}
