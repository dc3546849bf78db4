package syncclient

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/weirsync/weir/clients/rsocket"
	"github.com/weirsync/weir/clients/wire"
)

// window is how many lines may be under way, as in the JS SDK.
const window = 10

// dial opens a stream over WebSocket.
func (c *Client) dial(ctx context.Context, token string, body []byte) (lines, error) {
	setup, err := json.Marshal(map[string]string{"token": "Token " + token, "user_agent": "weir-syncclient"})
	if err != nil {
		return nil, err
	}
	url := "ws" + strings.TrimPrefix(c.opts.Endpoint, "http") + "/sync/stream"
	conn, err := rsocket.Dial(ctx, url, rsocket.DialConfig{Metadata: setup})
	if err != nil {
		return nil, err
	}
	stream, err := conn.Stream([]byte(`{"path":"/sync/stream"}`), body, window)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &socketLines{ctx, conn, stream}, nil
}

// socketLines reads the lines of an RSocket stream.
type socketLines struct {
	ctx    context.Context // of the connection
	conn   *rsocket.Client
	stream *rsocket.Incoming
}

func (in *socketLines) next() (*wire.Line, int, error) {
	payload, err := in.stream.Next(in.ctx)
	if err != nil {
		return nil, 0, err
	}
	line, err := wire.DecodeBSON(payload)
	return line, len(payload), err
}

func (in *socketLines) close() { _ = in.conn.Close() }
