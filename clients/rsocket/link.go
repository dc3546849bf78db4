package rsocket

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/weirsync/weir/clients/outbox"
)

// Limits and defaults of connections.
const (
	MaxRequestBytesDefault = 1 << 20
	SetupTimeoutDefault    = 10 * time.Second
	StreamTimeoutDefault   = time.Minute
	WriteTimeoutDefault    = time.Minute
	LifetimeMax            = 5 * time.Minute

	lingerTime = 2 * time.Second
)

// link carries frames over a WebSocket. Its two ends write differently: the messages of a client are masked.
type link struct {
	ws      *websocket.Conn
	out     *outbox.Outbox // of a server
	timeout time.Duration  // for the peer to take some of what a client writes
	wmu     sync.Mutex     // held while a client writes
}

// send writes f, and what is held before it. The frame's bytes are not kept.
func (l *link) send(f *Frame) error {
	if l.out == nil {
		return l.sendMasked(f)
	}
	return l.out.Send(message(f))
}

// hold keeps a copy of f to be written together with what comes next. Servers do that.
func (l *link) hold(f *Frame) error { return l.out.Hold(message(f)) }

// flush writes what is held.
func (l *link) flush() error { return l.out.Flush() }

func message(f *Frame) outbox.Message {
	return outbox.Message{Kind: websocket.BinaryMessage, Head: f.appendHead(make([]byte, 0, 16)), Body: f.Data}
}

func (l *link) sendMasked(f *Frame) error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	if err := l.ws.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
		return err
	}
	return l.ws.WriteMessage(websocket.BinaryMessage, f.Append(nil))
}

// control writes a control message of a server.
func (l *link) control(kind int, data string) error {
	return l.out.Send(outbox.Message{Kind: kind, Body: []byte(data)})
}

// errText is returned for messages that are no binary ones.
var errText = errors.New("got a text message")

// receive reads the next frame, waiting no longer than limit.
func (l *link) receive(limit time.Duration) (Frame, error) {
	if err := l.ws.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return Frame{}, err
	}
	kind, msg, err := l.ws.ReadMessage()
	if err != nil {
		return Frame{}, err
	}
	if kind != websocket.BinaryMessage {
		return Frame{}, errText
	}
	f, err := Parse(msg)
	if err != nil {
		return Frame{}, fmt.Errorf("parse frame: %w", err)
	}
	return f, nil
}

// fail sends an ERROR for the stream.
func (l *link) fail(stream uint32, e *Error) error {
	return l.send(&Frame{Stream: stream, Type: TypeError, Code: e.Code, Data: []byte(e.Text)})
}

// bye says goodbye and closes. It reads on for a moment: closing a socket with unread data resets it, and a reset can overtake
// what was just sent to the peer.
func (l *link) bye() {
	_ = l.control(websocket.CloseMessage, "")
	_ = l.ws.SetReadDeadline(time.Now().Add(lingerTime))
	for {
		if _, _, err := l.ws.NextReader(); err != nil {
			break
		}
	}
	_ = l.ws.Close()
}
