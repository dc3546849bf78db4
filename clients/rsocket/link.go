package rsocket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
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

// link carries frames over a WebSocket. Its two ends write differently: the messages of a client are masked.
type link struct {
	ws      *websocket.Conn
	client  bool
	timeout time.Duration // for the peer to take some of what is written

	wmu  sync.Mutex // held while messages are written
	held *[]byte    // messages that wait for more; nil if there are none
}

// heldMax is how many bytes wait at most.
const heldMax = 16 << 10

// buffers for outgoing messages, shared by all connections: idle ones hold none. Large ones are apart, so that a connection whose peer
// takes nothing holds no more than it needs.
var buffers, largeBuffers = newBuffers(), newBuffers()

func newBuffers() *sync.Pool { return &sync.Pool{New: func() any { return new([]byte) }} }

const (
	smallBuffer = 32 << 10
	pooledMax   = 4 << 20 // the largest buffer that goes back to its pool
)

// send writes f, and what is held before it. The frame's bytes are not kept.
func (l *link) send(f *Frame) error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	l.addLocked(f)
	return l.flushLocked()
}

// hold keeps a copy of f to be written together with what comes next.
func (l *link) hold(f *Frame) error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	if l.addLocked(f); len(*l.held) < heldMax {
		return nil
	}
	return l.flushLocked()
}

// flush writes what is held.
func (l *link) flush() error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	return l.flushLocked()
}

func (l *link) addLocked(f *Frame) {
	size := f.size()
	if l.held == nil {
		pool := buffers
		if size > smallBuffer*3/4 {
			pool = largeBuffers
		}
		l.held = pool.Get().(*[]byte)
		*l.held = (*l.held)[:0]
	}
	if !l.client {
		*l.held = appendHeader(*l.held, size)
	}
	*l.held = f.Append(*l.held)
}

// appendHeader appends the header of an unmasked binary message.
//
//	+------+-----------------------------------------------+
//	| 0x82 | u8 size, or 126 and u16 size, or 127, u64 size |
//	+------+-----------------------------------------------+
func appendHeader(dst []byte, size int) []byte {
	switch {
	case size < 126:
		return append(dst, 0x82, byte(size))
	case size <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, 0x82, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0x82, 127), uint64(size))
}

func (l *link) flushLocked() error {
	if l.held == nil {
		return nil
	}
	buf := l.held
	l.held = nil
	defer func() {
		switch {
		case cap(*buf) <= smallBuffer:
			buffers.Put(buf)
		case cap(*buf) <= pooledMax:
			largeBuffers.Put(buf)
		}
	}()
	err := l.writeLocked(*buf)
	if err != nil {
		_ = l.ws.Close() // half a message was sent: the connection is of no use, and its reader need not wait for the lifetime
	}
	return err
}

// patientChunk is how much a peer must take within the timeout.
const patientChunk = 64 << 10

// writeLocked writes messages. A peer can be slow with a big message, but one that takes nothing is found out.
func (l *link) writeLocked(b []byte) error {
	if l.client {
		if err := l.ws.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
			return err
		}
		return l.ws.WriteMessage(websocket.BinaryMessage, b)
	}
	conn := l.ws.NetConn()
	for len(b) > 0 {
		if err := conn.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
			return err
		}
		n, err := conn.Write(b[:min(len(b), patientChunk)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// control writes a control message: gorilla's own way would not keep it out of the middle of ours.
func (l *link) control(kind int, data string) error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	if err := l.flushLocked(); err != nil {
		return err
	}
	return l.writeLocked(append([]byte{0x80 | byte(kind), byte(len(data))}, data...))
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
