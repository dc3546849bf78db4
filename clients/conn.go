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
