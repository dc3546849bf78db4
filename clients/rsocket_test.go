package clients_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/rsocket"
	"github.com/weirsync/weir/clients/wire"
)

// socket is an RSocket client that sends and expects single frames.
type socket struct {
	t  testing.TB
	ws *websocket.Conn
}

func dialRSocket(t testing.TB, srv *clientstest.Server) *socket {
	t.Helper()
	ws, resp, err := websocket.DefaultDialer.Dial(srv.WebSocketURL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	t.Cleanup(func() { ws.Close() })
	return &socket{t, ws}
}

func (c *socket) send(frames ...rsocket.Frame) {
	c.t.Helper()
	for _, f := range frames {
		if err := c.ws.WriteMessage(websocket.BinaryMessage, f.Append(nil)); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *socket) receive() rsocket.Frame {
	c.t.Helper()
	if err := c.ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	_, msg, err := c.ws.ReadMessage()
	if err != nil {
		c.t.Fatal(err)
	}
	f, err := rsocket.Parse(msg)
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// line expects a payload and returns the line in it.
func (c *socket) line() *wire.Line {
	c.t.Helper()
	f := c.receive()
	if f.Type != rsocket.TypePayload || f.Flags != rsocket.FlagNext {
		c.t.Fatalf("got frame %+v %q, want a payload", f, f.Data)
	}
	line, err := wire.DecodeBSON(f.Data)
	if err != nil {
		c.t.Fatal(err)
	}
	return line
}

func (c *socket) expectError(stream uint32, code rsocket.ErrorCode, text string) {
	c.t.Helper()
	f := c.receive()
	if f.Type != rsocket.TypeError || f.Stream != stream || f.Code != code || string(f.Data) != text {
		c.t.Fatalf("got frame %+v %q, want error 0x%x %q on stream %d", f, f.Data, uint32(code), text, stream)
	}
}

func (c *socket) expectComplete(stream uint32) {
	c.t.Helper()
	if f := c.receive(); f.Type != rsocket.TypePayload || f.Stream != stream || f.Flags != rsocket.FlagComplete {
		c.t.Fatalf("got frame %+v %q, want the end of stream %d", f, f.Data, stream)
	}
}

// ping proves that nothing else is on its way: what comes next is the answer.
func (c *socket) ping() {
	c.t.Helper()
	c.send(rsocket.Frame{Type: rsocket.TypeKeepalive, Flags: rsocket.FlagRespond, Data: []byte("ping")})
	if f := c.receive(); f.Type != rsocket.TypeKeepalive || string(f.Data) != "ping" {
		c.t.Fatalf("got frame %+v %q, want the answer to a keep-alive", f, f.Data)
	}
}

func setupFrame(t testing.TB, user string, claims ...any) rsocket.Frame {
	t.Helper()
	metadata, err := json.Marshal(map[string]string{"token": "Token " + clientstest.Token(t, user, claims...)})
	if err != nil {
		t.Fatal(err)
	}
	return rsocket.Frame{
		Type: rsocket.TypeSetup, Flags: rsocket.FlagMetadata, Major: 1, KeepaliveMS: 20000, LifetimeMS: 90000,
		MetadataMime: "application/json", DataMime: "application/json", Metadata: metadata,
	}
}

func requestFrame(stream, n uint32, body string) rsocket.Frame {
	return rsocket.Frame{
		Stream: stream, Type: rsocket.TypeRequestStream, Flags: rsocket.FlagMetadata, N: n,
		Metadata: []byte(`{"path":"/sync/stream"}`), Data: []byte(body),
	}
}

func moreFrame(stream, n uint32) rsocket.Frame {
	return rsocket.Frame{Stream: stream, Type: rsocket.TypeRequestN, N: n}
}

func TestPoint42_And43_LinesByCredit(t *testing.T) {
	w := newWorld(t, definitions+mine)
	w.Commit(w.lists.Insert("a", "u1", "x"))
	c := dialRSocket(t, w.srv)
	c.send(setupFrame(t, "u1"), requestFrame(1, 1, `{}`))
	if got := describe(c.line()); got != "checkpoint" {
		t.Fatalf("got %s", got)
	}
	c.ping()
	c.send(moreFrame(1, 1))
	if got := describe(c.line()); got != `data(mine["u1"])` {
		t.Fatalf("got %s", got)
	}
	c.ping()
	c.send(moreFrame(1, 2))
	if got := describe(c.line()); got != "complete" {
		t.Fatalf("got %s", got)
	}
	w.Commit(w.lists.Insert("b", "u1", "x"))
	if got := describe(c.line()); got != "diff" {
		t.Fatalf("got %s", got)
	}
	c.ping() // point 44: out of credit in the middle of a round
}

func TestPoint45_TokenAndRequestErrors(t *testing.T) {
	w := newWorld(t, definitions+mine)
	c := dialRSocket(t, w.srv)
	c.send(setupFrame(t, "u1", "aud", "x"), requestFrame(1, 10, `{}`))
	c.expectError(0, 3, `[PSYNC_S2105] Unexpected "aud" claim value: it names none of the configured audiences`)

	c = dialRSocket(t, w.srv)
	none := setupFrame(t, "u1")
	none.Flags, none.Metadata = 0, nil
	c.send(none)
	c.expectError(0, 3, "[PSYNC_S2101] No token provided in the setup metadata")

	c = dialRSocket(t, w.srv)
	other := requestFrame(3, 10, `{}`)
	other.Metadata = []byte(`{"path":"/nowhere"}`)
	c.send(setupFrame(t, "u1"), requestFrame(1, 10, `{"buckets":5}`))
	c.expectError(1, 0x201, "[PSYNC_S2001] Validation failed\n  [\"/buckets: must be an array\"]")
	c.send(other)
	c.expectError(3, 0x201, "[PSYNC_S2002] The path does not exist on this server")
	c.send(requestFrame(5, 10, `{}`))
	if got := describe(c.line()); got != "checkpoint" {
		t.Fatalf("got %s", got)
	}
}

func TestPoint46_MimeTypes(t *testing.T) {
	w := newWorld(t, definitions+mine)
	c := dialRSocket(t, w.srv)
	setup := setupFrame(t, "u1")
	setup.MetadataMime, setup.DataMime = "application/bson", "application/bson"
	setup.Metadata = mustBSON(t, bson.D{{Key: "token", Value: "Bearer " + clientstest.Token(t, "u1")}})
	request := requestFrame(1, 10, "")
	request.Metadata = mustBSON(t, bson.D{{Key: "path", Value: "/sync/stream"}})
	request.Data = mustBSON(t, bson.D{{Key: "buckets", Value: bson.A{}}, {Key: "raw_data", Value: true}, {Key: "binary_data", Value: true}})
	c.send(setup, request)
	if got := describe(c.line()); got != "checkpoint" {
		t.Fatalf("got %s", got)
	}

	c = dialRSocket(t, w.srv)
	setup = setupFrame(t, "u1")
	setup.DataMime = "text/plain"
	c.send(setup)
	c.expectError(0, 3, "[PSYNC_S2004] Unsupported Media Type")
}

func mustBSON(t testing.TB, doc bson.D) []byte {
	t.Helper()
	b, err := bson.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPoint47_CanceledStreamIsSilent(t *testing.T) {
	w := newWorld(t, definitions+mine)
	c := dialRSocket(t, w.srv)
	c.send(setupFrame(t, "u1"), requestFrame(1, 10, `{}`))
	c.line()
	c.line()
	c.send(rsocket.Frame{Stream: 1, Type: rsocket.TypeCancel})
	c.ping()
	w.Commit(w.lists.Insert("a", "u1", "x"))
	c.send(requestFrame(3, 10, `{}`))
	if f := c.receive(); f.Stream != 3 {
		t.Errorf("got frame %+v of the canceled stream", f)
	}
}
