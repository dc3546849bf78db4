package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/weirsync/weir/clients/rsocket"
	"github.com/weirsync/weir/clients/wire"
)

// JSONProtocol is the WebSocket subprotocol of scripts and dashboards, which have no SDK. The client sends one text message: the
// body of a stream request with a member "token". It gets the lines of the stream, each a text message, or one with a member "error" before
// the server closes. The socket is the flow control.
const JSONProtocol = "weir.json.v1"

const (
	pingEvery = 20 * time.Second
	pongLimit = time.Minute // for which a client may be silent: browsers answer pings by themselves
)

// jsonSocket is the sender of a JSON stream.
type jsonSocket struct {
	ws      *websocket.Conn
	timeout time.Duration
}

// Ready is always ready: TCP holds back a client that is too slow.
func (out *jsonSocket) Ready(ctx context.Context) error { return ctx.Err() }

// Send sends the line without its LF.
func (out *jsonSocket) Send(_ context.Context, line []byte) error {
	allowed := out.timeout * time.Duration(1+len(line)>>20)
	if err := out.ws.SetWriteDeadline(time.Now().Add(allowed)); err != nil {
		return err
	}
	return out.ws.WriteMessage(websocket.TextMessage, bytes.TrimSuffix(line, []byte("\n")))
}

// Hold holds nothing.
func (out *jsonSocket) Hold(ctx context.Context, line []byte) error { return out.Send(ctx, line) }

// Flush has nothing to do.
func (out *jsonSocket) Flush() error { return nil }

// serveJSON serves a socket of JSONProtocol to its end.
func (s *Server) serveJSON(ws *websocket.Conn, agent string) {
	defer func() { _ = ws.Close() }()
	ws.SetReadLimit(int64(s.cfg.MaxRequestBytes))
	ctx, stop := s.untilDrain(context.Background())
	defer stop()
	leave := context.AfterFunc(ctx, func() { _ = ws.SetReadDeadline(time.Now()) }) // of the first message
	defer leave()
	sess, done, err := s.openJSON(ctx, ws, agent)
	if err == nil {
		defer done()
		err = s.runJSON(ctx, ws, sess, agent)
	}
	s.closeJSON(ctx, ws, err)
}

// openJSON reads the request and takes a place for it.
func (s *Server) openJSON(ctx context.Context, ws *websocket.Conn, agent string) (_ *session, leave func(), err error) {
	if err := ws.SetReadDeadline(time.Now().Add(rsocket.SetupTimeoutDefault)); err != nil {
		return nil, nil, err
	}
	_, body, err := ws.ReadMessage()
	if err != nil {
		return nil, nil, errGone
	}
	req, err := parseStreamRequest(body)
	if err != nil {
		return nil, nil, err
	}
	var named struct {
		Token string `json:"token"`
	}
	_ = json.Unmarshal(body, &named) // it is an object; a token of another type is none
	claims, err := s.authorize(ctx, "Token "+strings.TrimPrefix(strings.TrimPrefix(named.Token, "Token "), "Bearer "))
	if err != nil {
		return nil, nil, err
	}
	sess := s.newSession(req, claims, 0)
	if sess.format = wire.NestedJSON; req.raw {
		sess.format = wire.JSON
	}
	sess.out = &jsonSocket{ws, s.cfg.WriteTimeout}
	if err := s.cfg.Store.View(sess.prepare); err != nil {
		return nil, nil, err
	}
	leave, err = s.admit(sess.user)
	return sess, leave, err
}

// errGone says that there is nobody left to tell anything.
var errGone = errors.New("the client is gone")

// runJSON runs the session for as long as the client answers pings.
func (s *Server) runJSON(ctx context.Context, ws *websocket.Conn, sess *session, agent string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alive := func(string) error { return ws.SetReadDeadline(time.Now().Add(pongLimit)) }
	_ = alive("")
	ws.SetPongHandler(alive)
	var ping *time.Timer
	ping = time.AfterFunc(pingEvery, func() {
		if ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)) == nil {
			ping.Reset(pingEvery)
		}
	})
	defer ping.Stop()
	reading := make(chan struct{})
	go func() { // what else the client says is of no interest but that it is there
		defer close(reading)
		for {
			if _, _, err := ws.NextReader(); err != nil {
				cancel(errGone)
				return
			}
		}
	}()
	err := s.attend(ctx, sess, visit{OverJSON, JSONProtocol, agent})
	if errors.Is(context.Cause(ctx), errGone) {
		err = errGone
	}
	_ = ws.SetReadDeadline(time.Now()) // ends the reader
	<-reading
	return err
}

// closeJSON says why the stream is over, and closes: nil is its end, when the client should come again.
func (s *Server) closeJSON(ctx context.Context, ws *websocket.Conn, err error) {
	code := websocket.CloseGoingAway
	switch {
	case errors.Is(err, errGone):
		return
	case err != nil:
		f := asFault(err)
		s.logFault(ctx, streamPath, f)
		if code = websocket.ClosePolicyViolation; f.status >= http.StatusInternalServerError {
			code = websocket.CloseInternalServerErr
		}
		_ = ws.SetWriteDeadline(time.Now().Add(farewellTime))
		_ = ws.WriteJSON(f.reply().Envelope())
	}
	_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(farewellTime))
}
