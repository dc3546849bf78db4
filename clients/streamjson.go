package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/weirsync/weir/clients/outbox"
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

	jsonRequestMax = 64 << 10 // bytes of the message, which is read before it is known whose it is
)

// jsonSocket is the sender of a JSON stream.
type jsonSocket struct {
	ws  *websocket.Conn
	out *outbox.Outbox
}

func jsonMessage(line []byte) outbox.Message {
	return outbox.Message{Kind: websocket.TextMessage, Body: bytes.TrimSuffix(line, []byte("\n"))}
}

// Ready is always ready: TCP holds back a client that is too slow.
func (j *jsonSocket) Ready(ctx context.Context) error { return ctx.Err() }

// Room is that of the connection.
func (j *jsonSocket) Room() (lines, bytes int) { return math.MaxInt, outbox.Room(j.ws.NetConn()) }

// Send sends the line without its LF.
func (j *jsonSocket) Send(_ context.Context, line []byte) error {
	return gone(j.out.Send(jsonMessage(line)))
}

// Hold does so too, when others follow at once.
func (j *jsonSocket) Hold(_ context.Context, line []byte) error {
	return gone(j.out.Hold(jsonMessage(line)))
}

// Flush sends what is held.
func (j *jsonSocket) Flush() error { return gone(j.out.Flush()) }

// control sends a control message.
func (j *jsonSocket) control(kind int, data []byte) error {
	return j.out.Send(outbox.Message{Kind: kind, Body: data})
}

// serveJSON serves a socket of JSONProtocol to its end. known is called when its client has said who it is.
func (s *Server) serveJSON(ws *websocket.Conn, agent string, known func()) {
	defer func() { _ = ws.Close() }()
	ws.SetReadLimit(int64(min(s.cfg.MaxRequestBytes, jsonRequestMax)))
	ctx, stop := s.untilDrain(context.Background())
	defer stop()
	j := &jsonSocket{ws, outbox.New(ws, s.cfg.WriteTimeout)}
	ws.SetPingHandler(func(data string) error { return j.control(websocket.PongMessage, []byte(data)) })
	ws.SetCloseHandler(func(int, string) error { return nil }) // the reader ends
	sess, done, err := s.openJSON(ctx, ws)
	known()
	if err == nil {
		defer done()
		sess.out = j
		err = s.runJSON(ctx, j, sess, agent)
	}
	s.closeJSON(ctx, j, err)
}

// openJSON reads the request and takes a place for it.
func (s *Server) openJSON(ctx context.Context, ws *websocket.Conn) (_ *session, leave func(), err error) {
	if err := ws.SetReadDeadline(time.Now().Add(rsocket.SetupTimeoutDefault)); err != nil {
		return nil, nil, err
	}
	interrupted := context.AfterFunc(ctx, func() { _ = ws.SetReadDeadline(time.Now()) })
	_, body, err := ws.ReadMessage()
	interrupted()
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
	if err := s.cfg.Store.View(sess.prepare); err != nil {
		return nil, nil, err
	}
	leave, err = s.admit(sess.user)
	return sess, leave, err
}

// runJSON runs the session for as long as the client answers pings.
func (s *Server) runJSON(ctx context.Context, j *jsonSocket, sess *session, agent string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alive := func(string) error {
		err := j.ws.SetReadDeadline(time.Now().Add(pongLimit))
		return errors.Join(err, ctx.Err()) // the deadline that ends the reader must not be undone
	}
	_ = alive("")
	j.ws.SetPongHandler(alive)
	var ping *time.Timer
	ping = time.AfterFunc(pingEvery, func() {
		if j.out.Ping() == nil {
			ping.Reset(pingEvery)
		}
	})
	defer ping.Stop()
	reading := make(chan struct{})
	go func() { // what else the client says is of no interest but that it is there
		defer close(reading)
		for {
			if _, _, err := j.ws.NextReader(); err != nil {
				cancel(errGone)
				return
			}
		}
	}()
	err := s.attend(ctx, sess, visit{OverJSON, JSONProtocol, agent})
	if errors.Is(context.Cause(ctx), errGone) {
		err = errGone
	}
	cancel(nil)
	_ = j.ws.SetReadDeadline(time.Now()) // ends the reader
	<-reading
	return err
}

// closeJSON says why the stream is over, and closes: nil is its end, when the client should come again. It does not wait for a client that
// takes nothing.
func (s *Server) closeJSON(ctx context.Context, j *jsonSocket, err error) {
	late := time.AfterFunc(farewellTime, func() { _ = j.ws.Close() })
	defer late.Stop()
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
		if envelope, err := json.Marshal(f.reply().Envelope()); err == nil {
			_ = j.Hold(ctx, envelope)
		}
	}
	_ = j.control(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""))
}
