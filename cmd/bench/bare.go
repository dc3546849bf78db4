package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"github.com/klauspost/compress/gzip"

	"github.com/weirsync/weir/clients/wire"
)

// bareTCP returns what sends recorded lines over a connection and reads them as a download is read.
func bareTCP(format wire.Format) func(context.Context, [][]byte) (time.Duration, error) {
	return func(ctx context.Context, lines [][]byte) (time.Duration, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		defer l.Close() //nolint:errcheck // it is of no use any more
		sent := make(chan error, 1)
		go func() { sent <- sendTo(l, lines) }()
		started := time.Now()
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		if err != nil {
			return 0, err
		}
		defer conn.Close() //nolint:errcheck // all has been read
		var reader lineReader = newJSONLines(conn)
		if format == wire.BSON {
			reader = newBSONLines(conn)
		}
		err = drain(reader)
		took := time.Since(started)
		return took, errors.Join(err, <-sent)
	}
}

func sendTo(l net.Listener, lines [][]byte) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	for _, line := range lines {
		if _, err := conn.Write(line); err != nil {
			return errors.Join(err, conn.Close())
		}
	}
	return conn.Close()
}

// bareWebSocket is bareTCP for messages.
func bareWebSocket(ctx context.Context, lines [][]byte) (time.Duration, error) {
	server, err := serveSockets(func(ws *websocket.Conn) error {
		for _, line := range lines {
			if err := ws.WriteMessage(websocket.BinaryMessage, line); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	defer server.close()
	started := time.Now()
	ws, _, err := dialer.DialContext(ctx, server.url, nil)
	if err != nil {
		return 0, err
	}
	defer ws.Close() //nolint:errcheck // all has been read
	err = drain(&socketLines{ws: ws})
	return time.Since(started), err
}

// socketServer serves bare WebSockets.
type socketServer struct {
	url  string
	http *http.Server
	done chan struct{} // closed when it serves no more
}

// serveSockets calls handle for each socket, and closes the socket after it.
func serveSockets(handle func(ws *websocket.Conn) error) (*socketServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	upgrader := websocket.Upgrader{}
	s := &socketServer{url: fmt.Sprintf("ws://%s/", l.Addr()), done: make(chan struct{})}
	s.http = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // Upgrade has answered
		}
		_ = handle(ws) // the other end sees that the socket ends early
		_ = ws.Close()
	})}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l) // http.ErrServerClosed
	}()
	return s, nil
}

// close ends the server. Sockets in use are for their handlers to end.
func (s *socketServer) close() {
	_ = s.http.Close()
	<-s.done
}

// gzipToNowhere compresses recorded lines as fast as the compressor that weir uses can.
func gzipToNowhere(_ context.Context, lines [][]byte) (time.Duration, error) {
	started := time.Now()
	z, err := gzip.NewWriterLevel(nowhere{}, gzip.BestSpeed)
	if err != nil {
		return 0, err
	}
	for _, line := range lines {
		if _, err := z.Write(line); err != nil {
			return 0, err
		}
	}
	err = z.Close()
	return time.Since(started), err
}
