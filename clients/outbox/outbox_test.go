package outbox

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns the two ends of a connection.
func pair(t *testing.T) (server, client *websocket.Conn) {
	t.Helper()
	conns := make(chan *websocket.Conn, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var upgrader websocket.Upgrader
		if ws, err := upgrader.Upgrade(w, r, nil); err == nil {
			conns <- ws
		}
	}))
	t.Cleanup(srv.Close)
	client, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(srv.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	server = <-conns
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	if err := client.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return server, client
}

// Messages of every size arrive whole and in order, whichever way they are sent, with pings among them from elsewhere.
func TestMessagesArriveInOrder(t *testing.T) {
	server, client := pair(t)
	o := New(server, 10*time.Second)
	sizes := []int{0, 1, 125, 126, 127, heldMax - 10, heldMax, heldMax + 1, 65535, 65536, 3 * patientChunk, 5, 6, 7, 1 << 20, 8}
	var pings sync.WaitGroup
	pings.Go(func() {
		for range 100 {
			if err := o.Ping(); err != nil {
				t.Errorf("ping: %v", err)
			}
		}
	})
	defer pings.Wait()
	var writing sync.WaitGroup
	writing.Go(func() {
		for i, size := range sizes {
			m := Message{Kind: websocket.TextMessage, Head: []byte("head"), Body: bytes.Repeat([]byte{'a' + byte(i)}, size)}
			put := o.Hold
			if i%3 == 0 {
				put = o.Send
			}
			if err := put(m); err != nil {
				t.Errorf("put %d bytes: %v", size, err)
			}
			clear(m.Body) // not kept
		}
		if err := o.Flush(); err != nil {
			t.Errorf("flush: %v", err)
		}
	})
	defer writing.Wait()
	for i, size := range sizes {
		kind, got, err := client.ReadMessage()
		want := "head" + strings.Repeat(string(rune('a'+i)), size)
		if err != nil || kind != websocket.TextMessage || string(got) != want {
			t.Fatalf("message %d of %d bytes: got kind %d, %d bytes, %v", i, size, kind, len(got), err)
		}
	}
}

// What is held leaves together, in one write.
func TestHeldMessagesLeaveTogether(t *testing.T) {
	server, client := pair(t)
	o := New(server, 10*time.Second)
	for range 3 {
		if err := o.Hold(Message{Kind: websocket.BinaryMessage, Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := string(*o.held), "\x82\x01x\x82\x01x\x82\x01x"; got != want {
		t.Errorf("held is %q, want %q", got, want)
	}
	if err := o.Flush(); err != nil || o.held != nil {
		t.Errorf("%v; held after the flush: %v", err, o.held)
	}
	for range 3 {
		if _, got, err := client.ReadMessage(); err != nil || string(got) != "x" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

// A client that takes nothing is given up, and its connection closed.
func TestStalledClientIsGivenUp(t *testing.T) {
	server, _ := pair(t)
	o := New(server, 50*time.Millisecond)
	m := Message{Kind: websocket.BinaryMessage, Body: make([]byte, 1<<20)}
	for deadline := time.Now().Add(30 * time.Second); o.Send(m) == nil; {
		if time.Now().After(deadline) {
			t.Fatal("a client that reads nothing takes everything")
		}
	}
	if _, _, err := server.NextReader(); err == nil {
		t.Error("the connection is open")
	}
}

// What a connection has room for is written at once, what it may have to wait for in chunks that a slow client takes in time.
func TestChunk(t *testing.T) {
	const large = 100 << 10
	slow, other := net.Pipe() // knows nothing of room
	defer slow.Close()
	defer other.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	roomy, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer roomy.Close()
	if err := roomy.(*net.TCPConn).SetWriteBuffer(4 * large); err != nil {
		t.Fatal(err)
	}
	whole := large
	if Room(roomy) == 0 { // the system doesn't tell
		whole = patientChunk
	}
	for _, tt := range []struct {
		conn       net.Conn
		size, want int
	}{{slow, 1000, 1000}, {slow, large, patientChunk}, {roomy, 1000, 1000}, {roomy, large, whole}, {nil, large, patientChunk}} {
		if got := Chunk(tt.conn, tt.size); got != tt.want {
			t.Errorf("of %d bytes %d are written at once, want %d", tt.size, got, tt.want)
		}
	}
}
