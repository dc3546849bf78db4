package rsocket

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
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

// link carries frames over a WebSocket.
type link struct {
	ws      *websocket.Conn
	timeout time.Duration // for writing a message of up to 1 MiB

	wmu sync.Mutex // held while a message is written
}

// buffers for outgoing frames, shared by all connections: idle ones hold none.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// pooledMax is the largest buffer that goes back to the pool.
const pooledMax = 4 << 20

// send writes f as one message. The frame's bytes are not kept. The deadline grows with the size, so that a slow
// peer can have a big message, but a peer that reads nothing is found out.
func (l *link) send(f *Frame) error {
	buf := buffers.Get().(*[]byte)
	*buf = f.Append((*buf)[:0])
	defer func() {
		if cap(*buf) <= pooledMax {
			buffers.Put(buf)
		}
	}()
	l.wmu.Lock()
	defer l.wmu.Unlock()
	allowed := l.timeout * time.Duration(1+len(*buf)>>20)
	if err := l.ws.SetWriteDeadline(time.Now().Add(allowed)); err != nil {
		return err
	}
	if err := l.ws.WriteMessage(websocket.BinaryMessage, *buf); err != nil {
		_ = l.ws.Close() // half a message was sent: the connection is of no use, and its reader need not wait for the lifetime
		return err
	}
	return nil
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
	_ = l.ws.WriteControl(websocket.CloseMessage, nil, time.Now().Add(lingerTime))
	_ = l.ws.SetReadDeadline(time.Now().Add(lingerTime))
	for {
		if _, _, err := l.ws.NextReader(); err != nil {
			break
		}
	}
	_ = l.ws.Close()
}
