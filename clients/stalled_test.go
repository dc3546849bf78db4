package clients_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/rsocket"
)

// Clients that were fast and then read no more, over every transport, hold up no more than 64 KiB each: of ours, besides what the kernel
// has taken.
func TestStalledClientsHoldLittle(t *testing.T) {
	w := newWorld(t, definitions+mine)
	rng := rand.New(rand.NewPCG(1, 2))
	noise := func() string { // that does not compress
		b := make([]byte, 4000)
		for i := range b {
			b[i] = byte(' ' + 14 + rng.IntN(80))
		}
		return strings.ReplaceAll(string(b), `\`, "-")
	}
	for batch := range 3 { // 6 MB
		var changes []clientstest.Change
		for i := range 500 {
			changes = append(changes, w.lists.Insert(fmt.Sprint(batch, " ", i), "u1", noise()))
		}
		w.Commit(changes...)
	}
	front := httptest.NewUnstartedServer(w.srv.Handler())
	front.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if err := conn.(*net.TCPConn).SetWriteBuffer(256 << 10); err != nil { // large pages fit in, but not all there is
			t.Error(err)
		}
		return w.srv.ConnContext(ctx, conn)
	}
	front.Start()
	defer front.Close()
	for _, way := range []struct {
		name string
		open func(t *testing.T, url string) net.Conn
	}{
		{"HTTP", openRaw("Accept: application/vnd.powersync.bson-stream\r\n")},
		{"HTTP, gzip", openRaw("Accept-Encoding: gzip\r\n")},
		{"HTTP, zstd", openRaw("Accept-Encoding: zstd\r\n")},
		{"RSocket", openSocket("")},
		{"JSON socket", openSocket(clients.JSONProtocol)},
	} {
		t.Run(way.name, func(t *testing.T) {
			const many = 10
			warm := 2 * runtime.GOMAXPROCS(0)
			for range warm { // makes what is made once: zstd has an encoder for each processor
				stall(t, way.open(t, front.URL), 1<<20)
			}
			before := memory(t, w, warm)
			for i := range many {
				stall(t, way.open(t, front.URL), int64(i)<<17)
			}
			each := (memory(t, w, many+warm) - before) / many
			if t.Logf("%d bytes for a stalled client", each); each > 64<<10 && !raceDetector { // which has larger stacks
				t.Error("that is more than 64 KiB")
			}
		})
	}
}

// memory is what heap and stacks have in use with so many streams, once nothing changes any more.
func memory(t *testing.T, w *world, streams int) int64 {
	t.Helper()
	var m runtime.MemStats
	least := int64(math.MaxInt64)
	var told int64
	for deadline, calm := time.Now().Add(2*patience), 0; calm < 5; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("memory does not come to rest")
		}
		w.srv.ForgetPages()
		runtime.GC()
		runtime.GC() // a sync.Pool needs two
		runtime.ReadMemStats(&m)
		now := int64(m.HeapAlloc + m.StackInuse)
		if calm++; w.srv.Streams() > streams || w.srv.Told() != told || now < least-4096 {
			calm, told = 0, w.srv.Told()
		}
		least = min(least, now)
	}
	return least
}

// stall reads so many bytes as fast as they come, and nothing more.
func stall(t *testing.T, conn net.Conn, n int64) {
	t.Helper()
	if _, err := io.CopyN(io.Discard, conn, n); err != nil {
		t.Fatal(err)
	}
}

// dialSmall dials with a small buffer to read into: the kernel keeps what a client doesn't read, and this is a test.
func dialSmall(t *testing.T, url string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	return conn
}

func openRaw(header string) func(t *testing.T, url string) net.Conn {
	return func(t *testing.T, url string) net.Conn {
		t.Helper()
		conn := dialSmall(t, url)
		head := "POST /sync/stream HTTP/1.1\r\nHost: weir\r\nContent-Length: 0\r\nAuthorization: " + "Token " + clientstest.Token(t, "u1") + "\r\n"
		if _, err := io.WriteString(conn, head+header+"\r\n"); err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

func openSocket(protocol string) func(t *testing.T, url string) net.Conn {
	return func(t *testing.T, url string) net.Conn {
		t.Helper()
		dialer := websocket.Dialer{ReadBufferSize: 512, WriteBufferSize: 512, NetDial: func(string, string) (net.Conn, error) { return dialSmall(t, url), nil }}
		kind, frames := websocket.BinaryMessage, [][]byte{}
		if protocol != "" {
			dialer.Subprotocols = []string{protocol}
			kind = websocket.TextMessage
			frames = append(frames, fmt.Appendf(nil, `{"raw_data":true,"token":%q}`, clientstest.Token(t, "u1")))
		} else {
			setup, request := setupFrame(t, "u1"), requestFrame(1, rsocket.MaxN, `{"raw_data":true}`)
			frames = append(frames, setup.Append(nil), request.Append(nil))
		}
		ws, resp, err := dialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/sync/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		for _, f := range frames {
			if err := ws.WriteMessage(kind, bytes.Clone(f)); err != nil {
				t.Fatal(err)
			}
		}
		return ws.NetConn()
	}
}
