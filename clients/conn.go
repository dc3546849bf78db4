package clients

import (
	"context"
	"net"
)

// connKey is the key of a request's connection in its context.
type connKey struct{}

// ConnContext is for http.Server.ConnContext, so that HTTP streams know how much their connections have room for. Without it they get
// small pages only.
func (s *Server) ConnContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// room is how many bytes conn takes now without waiting for its other end, as far as that can be known. What the kernel has taken is no
// memory of ours, whatever becomes of the client.
func room(conn net.Conn) int {
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secured.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0
	}
	free := 0
	if err := raw.Control(func(fd uintptr) { free = sendBufferLeft(fd) }); err != nil {
		return 0
	}
	return free
}
