package rsocket

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// network forwards connections to a server until it is cut: then they stay open, and nothing gets through, as when packets are dropped.
type network struct {
	url string
	cut atomic.Bool
}

func newNetwork(t *testing.T, url string) *network {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{url: "ws://" + l.Addr().String()}
	ctx, end := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
			if err != nil {
				t.Error(err)
				_ = client.Close()
				return
			}
			context.AfterFunc(ctx, func() { // not before: the ends don't hear of each other's end
				_ = client.Close()
				_ = server.Close()
			})
			running.Go(func() { _, _ = io.Copy(lossy{server, n}, client) })
			running.Go(func() { _, _ = io.Copy(lossy{client, n}, server) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		end()
		running.Wait()
	})
	return n
}

// lossy is one direction of a network.
type lossy struct {
	io.Writer
	of *network
}

func (l lossy) Write(b []byte) (int, error) {
	if l.of.cut.Load() {
		return len(b), nil
	}
	return l.Writer.Write(b)
}

// A network that drops everything tells nobody. Both ends find out by themselves, whether there is something to send or not, and
// the stream ends on both sides.
func TestPoint49_PartitionEndsBothEnds(t *testing.T) {
	for name, handler := range map[string]Handler{"idle": forever, "busy": count(1 << 30)} {
		t.Run(name, func(t *testing.T) {
			stopped := make(chan error, 1)
			s := serve(t, accept(func(ctx context.Context, req Request, out *Stream) error {
				err := handler(ctx, req, out)
				stopped <- context.Cause(ctx)
				return err
			}))
			n := newNetwork(t, s.url)
			c, err := Dial(t.Context(), n.url, DialConfig{Keepalive: 20 * time.Millisecond, Lifetime: 2 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			in, err := c.Stream(nil, nil, 4)
			if err != nil {
				t.Fatal(err)
			}
			var first error
			for range 3 { // over the whole network there is something, or at least no end
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				if _, first = in.Next(ctx); first != nil && !errors.Is(first, context.DeadlineExceeded) {
					t.Fatal(first)
				}
				cancel()
			}
			n.cut.Store(true)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			for err = nil; err == nil; {
				_, err = in.Next(ctx)
			}
			if errors.Is(err, context.DeadlineExceeded) {
				t.Error("the client does not notice")
			}
			select {
			case err := <-s.ended:
				if err == nil {
					t.Error("Serve returned nil")
				}
			case <-ctx.Done():
				t.Fatal("the server does not notice")
			}
			if err := <-stopped; !errors.Is(err, errClosed) {
				t.Errorf("the stream ended by %v", err)
			}
		})
	}
}
