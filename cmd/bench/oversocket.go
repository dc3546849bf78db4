package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/weirsync/weir/clients/rsocket"
)

// socketLines reads one line from each message of a WebSocket.
type socketLines struct {
	ws     *websocket.Conn
	header int // bytes of each message before the line
	buf    []byte
}

// rsocketHeader is the header of PAYLOAD frames without metadata.
const rsocketHeader = 6

func (l *socketLines) next() (kind, []byte, error) {
	_, r, err := l.ws.NextReader()
	if err != nil {
		return 0, nil, err
	}
	if l.buf, err = readInto(l.buf, r); err != nil {
		return 0, nil, err
	}
	if l.header == rsocketHeader {
		if f, err := rsocket.Parse(l.buf); err != nil {
			return 0, nil, err
		} else if f.Type == rsocket.TypeError {
			return 0, nil, &refusedError{string(f.Data)}
		} else if f.Type != rsocket.TypePayload || !f.Has(rsocket.FlagNext) {
			return otherLine, nil, nil
		}
	}
	if len(l.buf) < l.header {
		return 0, nil, errLine
	}
	k, err := bsonKind(l.buf[l.header:])
	return k, l.buf[l.header:], err
}

// readInto reads all of r into buf's memory, which grows as needed.
func readInto(buf []byte, r io.Reader) ([]byte, error) {
	buf = buf[:0]
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, max(4096, len(buf)))...)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// close closes the socket without a goodbye: there may be thousands.
func (l *socketLines) close() { _ = l.ws.Close() }

// silence is how long the server lets a client be that sends no keepalives. No scenario has a socket open for so long.
const silence = rsocket.LifetimeMax

// dialer of all sockets. Buffers of a size that few clients need would be what is measured with thousands.
var dialer = websocket.Dialer{HandshakeTimeout: 10 * time.Second}

// openSocket opens a stream over RSocket. It takes as much as the server has: only the socket holds it back.
func openSocket(ctx context.Context, url, token string, body []byte) (syncStream, error) {
	ws, _, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(url, "http")+"/sync/stream", nil)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	metadata, err := json.Marshal(map[string]string{"token": "Bearer " + token})
	if err != nil {
		return nil, err
	}
	const mime = "application/json"
	ms := uint32(silence / time.Millisecond)
	for _, f := range []rsocket.Frame{
		{
			Type: rsocket.TypeSetup, Flags: rsocket.FlagMetadata, Major: 1, KeepaliveMS: ms, LifetimeMS: ms,
			MetadataMime: mime, DataMime: mime, Metadata: metadata,
		},
		{
			Stream: 1, Type: rsocket.TypeRequestStream, Flags: rsocket.FlagMetadata, N: rsocket.MaxN,
			Metadata: []byte(`{"path":"/sync/stream"}`), Data: body,
		},
	} {
		if err := ws.WriteMessage(websocket.BinaryMessage, f.Append(nil)); err != nil {
			_ = ws.Close()
			return nil, fmt.Errorf("open stream: %w", err)
		}
	}
	return &socketLines{ws: ws, header: rsocketHeader}, nil
}
