// Package outbox writes the messages of a WebSocket's server end: several at a time, and to clients that may be slow. An idle connection
// has no buffer, one whose client takes nothing no more than 8 KiB and what its caller wants to write. It also knows how much a connection
// has room for.
package outbox

import (
	"encoding/binary"
	"math"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Outbox is the way out of a WebSocket, which must be written to in no other way: gorilla's own would end up in the middle of a
// message. Safe for concurrent use.
type Outbox struct {
	ws      *websocket.Conn
	timeout time.Duration

	mu   sync.Mutex // held while messages are written
	held *[]byte    // messages that wait for more; nil if there are none
}

// New returns an outbox that gives up on a client that takes nothing for timeout, however slowly it takes the rest.
func New(ws *websocket.Conn, timeout time.Duration) *Outbox { return &Outbox{ws: ws, timeout: timeout} }

// Message is a message of one of gorilla's kinds. It consists of Head, which is short, and Body.
type Message struct {
	Kind       int
	Head, Body []byte
}

const (
	heldMax = 8 << 10 // bytes that wait at most
	headMax = 128     // of a message and its header
)

var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, heldMax+headMax)
	return &b
}}

// Send writes the message, and what is held before it. Its bytes are not kept. After an error the connection is closed.
func (o *Outbox) Send(m Message) error { return o.put(m, true) }

// Hold does so too, but the message may wait to be written together with the next ones, until Flush at the latest.
func (o *Outbox) Hold(m Message) error { return o.put(m, false) }

func (o *Outbox) put(m Message, now bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.putLocked(m, now)
}

func (o *Outbox) putLocked(m Message, now bool) error {
	if o.held != nil && len(*o.held)+len(m.Head) > heldMax {
		if err := o.writeLocked(nil); err != nil {
			return err
		}
	}
	if o.held == nil {
		o.held = buffers.Get().(*[]byte)
		*o.held = (*o.held)[:0]
	}
	*o.held = append(appendHeader(*o.held, m.Kind, len(m.Head)+len(m.Body)), m.Head...)
	if len(*o.held)+len(m.Body) > heldMax {
		return o.writeLocked(m.Body)
	}
	if *o.held = append(*o.held, m.Body...); now {
		return o.writeLocked(nil)
	}
	return nil
}

// appendHeader appends the header of an unmasked message.
//
//	+-------------+-----------------------------------------------+
//	| 0x80 | kind | u8 size, or 126 and u16 size, or 127, u64 size |
//	+-------------+-----------------------------------------------+
func appendHeader(dst []byte, kind, size int) []byte {
	dst = append(dst, 0x80|byte(kind))
	switch {
	case size < 126:
		return append(dst, byte(size))
	case size <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(size))
}

// Flush writes what is held.
func (o *Outbox) Flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held == nil {
		return nil
	}
	return o.writeLocked(nil)
}

// Ping asks the client for a sign of life. It does not wait: whoever is writing finds out by itself whether the client is there.
func (o *Outbox) Ping() error {
	if !o.mu.TryLock() {
		return nil
	}
	defer o.mu.Unlock()
	return o.putLocked(Message{Kind: websocket.PingMessage}, true)
}

// writeLocked writes what is held, and body after it.
func (o *Outbox) writeLocked(body []byte) error {
	held := o.held
	o.held = nil
	defer buffers.Put(held)
	err := o.write(*held, body)
	if err != nil {
		_ = o.ws.Close() // half a message was sent: the connection is of no use, and its reader need not wait
	}
	return err
}

func (o *Outbox) write(head, body []byte) error {
	conn := o.ws.NetConn()
	for len(head)+len(body) > 0 {
		if err := conn.SetWriteDeadline(time.Now().Add(o.timeout)); err != nil {
			return err
		}
		n := Chunk(conn, len(body))
		parts := net.Buffers{head, body[:n]}
		if _, err := parts.WriteTo(conn); err != nil {
			return err
		}
		head, body = nil, body[n:]
	}
	return nil
}
