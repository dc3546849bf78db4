package clients_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/clients/clientstest"
)

// dialJSON opens a socket of the JSON subprotocol and sends the request.
func dialJSON(t *testing.T, srv *clientstest.Server, request string) *websocket.Conn {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"other", clients.JSONProtocol}}
	ws, resp, err := dialer.Dial(srv.WebSocketURL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	t.Cleanup(func() { ws.Close() })
	if got := ws.Subprotocol(); got != clients.JSONProtocol {
		t.Fatalf("subprotocol %q", got)
	}
	if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if err := ws.WriteMessage(websocket.TextMessage, []byte(request)); err != nil {
		t.Fatal(err)
	}
	return ws
}

// keys reads messages up to a checkpoint's completion, and returns what lines they are.
func keys(t *testing.T, ws *websocket.Conn) (kinds string, data string) {
	t.Helper()
	for {
		kind, msg, err := ws.ReadMessage()
		if err != nil || kind != websocket.TextMessage {
			t.Fatalf("got message %d %q, %v", kind, msg, err)
		}
		var line map[string]json.RawMessage
		if err := json.Unmarshal(msg, &line); err != nil || len(line) != 1 {
			t.Fatalf("line %q: %v", msg, err)
		}
		for key, value := range line {
			if kinds += key + " "; key == "data" {
				data += string(value)
			}
		}
		if line["checkpoint_complete"] != nil {
			return kinds, data
		}
	}
}

func TestJSONSocket(t *testing.T) {
	w := newWorld(t, definitions+mine)
	w.Commit(w.lists.Insert("a", "u1", "x"))
	ws := dialJSON(t, w.srv, `{"token":"`+clientstest.Token(t, "u1")+`"}`)
	kinds, data := keys(t, ws)
	if kinds != "checkpoint data checkpoint_complete " || !strings.Contains(data, `"data":{"id":"a","name":"x"}`) {
		t.Errorf("got %s: %s", kinds, data)
	}
	w.Commit(w.lists.Insert("b", "u1", "y"))
	if kinds, data = keys(t, ws); kinds != "checkpoint_diff data checkpoint_complete " || !strings.Contains(data, `"b"`) {
		t.Errorf("got %s: %s", kinds, data)
	}
	// It goes on from a position, with raw data, and ends when the server does.
	w.srv.Close(t)
	if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the server closed with %v", err)
	}
}

func TestJSONSocketFaults(t *testing.T) {
	w := newWorld(t, definitions+mine)
	full := w.Serve(t, func(cfg *clients.Config) { cfg.MaxUserConnections = 1 })
	token := clientstest.Token(t, "u1")
	keys(t, dialJSON(t, full, `{"token":"Bearer `+token+`"}`))
	for _, tt := range []struct {
		srv           *clientstest.Server
		request, code string
	}{
		{w.srv, `{}`, "PSYNC_S2106"},
		{w.srv, `{"token":"x.y.z"}`, "PSYNC_S2101"},
		{w.srv, `{"token":5}`, "PSYNC_S2106"},
		{w.srv, `{"token":"` + token + `","buckets":5}`, "PSYNC_S2001"},
		{w.srv, `nonsense`, "PSYNC_S2001"},
		{full, `{"token":"` + token + `"}`, "PSYNC_S2304"},
	} {
		ws := dialJSON(t, tt.srv, tt.request)
		var f failure
		if err := ws.ReadJSON(&f); err != nil || f.Error.Code != tt.code || f.Error.Description == "" {
			t.Errorf("%s: got %+v, %v, want %s", tt.request, f, err, tt.code)
		}
		if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.ClosePolicyViolation) {
			t.Errorf("%s: closed with %v", tt.request, err)
		}
	}
}

// The example of docs/clients.md, in Node.
func TestJSONSocketExample(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node on this machine")
	}
	page, err := os.ReadFile("../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```js\n// follow.mjs\n")
	script, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/clients.md has no follow.mjs")
	}
	file := filepath.Join(t.TempDir(), "follow.mjs")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, definitions+mine)
	w.Commit(w.lists.Insert("a", "u1", "x"))
	cmd := exec.Command(node, "--experimental-websocket", "--no-warnings", file, w.srv.URL, clientstest.Token(t, "u1", "exp", time.Now().Unix()+5))
	out, err := cmd.CombinedOutput() // it ends with its token
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 2 {
		t.Fatalf("output: %s", out)
	}
	lines[1] = lines[1][:strings.LastIndexByte(lines[1], ' ')] // the op id
	want := []string{"PUT lists a { id: 'a', name: 'x' }", "up to date at", "closed: connect again, with a new token if it expired"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}
