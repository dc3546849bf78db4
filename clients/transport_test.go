package clients_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/clients/clientstest"
)

const (
	bsonType   = "application/vnd.powersync.bson-stream"
	ndjsonType = "application/x-ndjson"
)

func TestPoint01_WithoutAcceptItIsNDJSON(t *testing.T) {
	w := newWorld(t, definitions+mine)
	s := w.request(t, "u1").open(t)
	if got := s.resp.Header.Get("Content-Type"); got != ndjsonType {
		t.Errorf("content type %q", got)
	}
	if got := s.resp.Header.Get("X-Accel-Buffering"); got != "no" {
		t.Errorf("x-accel-buffering %q", got)
	}
	s.checkpoint()
}

func TestPoint02_And03_AcceptDecides(t *testing.T) {
	w := newWorld(t, definitions+mine)
	for accept, want := range map[string]string{
		bsonType + ";q=0.9," + ndjsonType + ";q=0.8": bsonType,
		bsonType + "," + ndjsonType:                  bsonType,
		ndjsonType + "," + bsonType:                  ndjsonType,
		"text/html":                                  ndjsonType,
	} {
		q := w.request(t, "u1")
		q.header.Set("Accept", accept)
		s := q.open(t)
		if got := s.resp.Header.Get("Content-Type"); got != want {
			t.Errorf("Accept %q: content type %q, want %q", accept, got, want)
		}
		s.checkpoint()
		s.stop()
	}
}

// The head comes although the first line never will.
func TestPoint04_HeadBeforeTheFirstLine(t *testing.T) {
	w := newWorld(t, definitions+mine+news)
	srv := w.Serve(t, func(cfg *clients.Config) { cfg.MaxBuckets = 1 })
	q := w.request(t, "u1")
	q.url = srv.URL
	s := q.open(t)
	if _, err := s.raw(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want a cut connection", err)
	}
}

func TestPoint05_EveryLineEndsInLF(t *testing.T) {
	w := newWorld(t, definitions+mine)
	w.Commit(w.lists.Insert("a", "u1", "x"))
	s := w.request(t, "u1").open(t)
	s.round()
	w.srv.Close(t)
	rest, err := io.ReadAll(s.r)
	if err != nil {
		t.Errorf("the stream did not end cleanly: %v", err)
	}
	if len(rest) > 0 && !bytes.HasSuffix(rest, []byte("\n")) {
		t.Errorf("last line %q", rest)
	}
}

func TestPoint06_CompressedLinesAreFlushed(t *testing.T) {
	for accept, want := range map[string]string{"gzip, deflate": "gzip", "zstd": "zstd", "gzip, deflate, br, zstd": "zstd"} {
		t.Run(accept, func(t *testing.T) {
			w := newWorld(t, definitions+mine)
			q := w.request(t, "u1")
			q.header.Set("Accept-Encoding", accept)
			s := q.open(t)
			if got := s.resp.Header.Get("Content-Encoding"); got != want {
				t.Errorf("content encoding %q, want %q", got, want)
			}
			s.round()
			for range 3 { // each line must come without the next one to push it
				w.Commit(w.lists.Insert(time.Now().Format(time.RFC3339Nano), "u1", "x"))
				if got := s.round(); got != `diff data(mine["u1"]) complete` {
					t.Errorf("got %s", got)
				}
			}
			w.srv.Close(t)
			if _, err := io.ReadAll(s.r); err != nil {
				t.Errorf("the compressed stream has no proper end: %v", err)
			}
		})
	}
}

func TestPoint07_OtherEncodingsAreNotUsed(t *testing.T) {
	w := newWorld(t, definitions+mine)
	for _, accept := range []string{"br", "deflate", "identity"} {
		q := w.request(t, "u1")
		q.header.Set("Accept-Encoding", accept)
		s := q.open(t)
		if got := s.resp.Header.Get("Content-Encoding"); got != "" {
			t.Errorf("Accept-Encoding %q: content encoding %q", accept, got)
		}
		s.checkpoint()
	}
}

// call makes a plain request and returns the answer and its body.
func call(t testing.TB, method, url, token, body string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func TestPoint08_Preflight(t *testing.T) {
	w := newWorld(t, definitions+mine)
	for _, path := range []string{"/sync/stream", "/write-checkpoint2.json", "/nowhere"} {
		resp, _ := call(t, http.MethodOptions, w.srv.URL+path, "", "")
		got := map[string]string{}
		for name := range resp.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				got[name] = resp.Header.Get(name)
			}
		}
		want := map[string]string{
			"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET,HEAD,POST", "Access-Control-Max-Age": "3600",
			"Access-Control-Allow-Headers": "Content-Type, Authorization, User-Agent, X-User-Agent",
		}
		if diff := cmp.Diff(want, got); diff != "" || resp.StatusCode != http.StatusNoContent {
			t.Errorf("%s: status %d, headers (-want +got):\n%s", path, resp.StatusCode, diff)
		}
	}
}

// failure is the JSON form of an error.
type failure struct {
	Error struct {
		Name, Code, Description, Details string
		Status                           int
	}
}

// expectFailure checks an answer that is an error, CORS headers included (point 9).
func expectFailure(t testing.TB, resp *http.Response, body string, status int, code string) failure {
	t.Helper()
	var f failure
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		t.Fatalf("%d %q: %v", resp.StatusCode, body, err)
	}
	if resp.StatusCode != status || f.Error.Status != status || f.Error.Code != code || f.Error.Name == "" || f.Error.Description == "" {
		t.Errorf("got %d %s, want %d %s", resp.StatusCode, body, status, code)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
	if got := resp.Header.Get("Access-Control-Allow-Origin") + resp.Header.Get("Access-Control-Expose-Headers"); got != "*Content-Type" {
		t.Errorf("CORS headers %q", got)
	}
	return f
}

func TestPoint09_And10_Authorization(t *testing.T) {
	w := newWorld(t, definitions+mine)
	token := clientstest.Token(t, "u1")
	for _, header := range []string{"Token " + token, "Bearer " + token} {
		q := w.request(t, "u1")
		q.token = header
		q.open(t).checkpoint()
	}
	for _, header := range []string{"", token, "token " + token, "Basic " + token} {
		resp, body := call(t, http.MethodPost, w.srv.URL+"/sync/stream", header, "{}")
		expectFailure(t, resp, body, 401, "PSYNC_S2106")
	}
	resp, body := call(t, http.MethodPost, w.srv.URL+"/sync/stream", "Token "+token[:len(token)-4]+"AAAA", "{}")
	if f := expectFailure(t, resp, body, 401, "PSYNC_S2101"); strings.Contains(f.Error.Description+f.Error.Details, token[:10]) {
		t.Errorf("the answer repeats the token: %s", body)
	}
}

func TestPoint11_UnknownPath(t *testing.T) {
	w := newWorld(t, definitions+mine)
	for _, what := range []string{"GET /nowhere", "POST /", "GET /sync/stream", "POST /write-checkpoint2.json", "DELETE /sync/stream", "GET /write-checkpoint.json"} {
		method, path, _ := strings.Cut(what, " ")
		resp, body := call(t, method, w.srv.URL+path, "", "")
		expectFailure(t, resp, body, 404, "PSYNC_S2002")
	}
}

func TestMalformedUpgrade(t *testing.T) {
	w := newWorld(t, definitions+mine)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.srv.URL+"/sync/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	expectFailure(t, resp, string(body), 400, "PSYNC_S2001")
}

func TestPoint12_RequestBodies(t *testing.T) {
	w := newWorld(t, definitions+mine)
	// The form is looked at before the token.
	for _, token := range []string{"", "Token " + clientstest.Token(t, "u1")} {
		resp, body := call(t, http.MethodPost, w.srv.URL+"/sync/stream", token, `{"buckets":5}`)
		if f := expectFailure(t, resp, body, 400, "PSYNC_S2001"); f.Error.Details != `["/buckets: must be an array"]` {
			t.Errorf("details %s", f.Error.Details)
		}
	}
	for _, body := range []string{`{"unknown":[1],"parameters":null}`, ``, `{"buckets":[{"name":"1#nothing[]","after":"5"}]}`} {
		q := w.request(t, "u1")
		q.body = body
		if got := q.open(t).checkpoint().Buckets; len(got) != 1 {
			t.Errorf("%s: buckets %v", body, got)
		}
	}
	resp, body := call(t, http.MethodPost, w.srv.URL+"/sync/stream", "", `{"client_id":"`+strings.Repeat("x", 1<<20)+`"}`)
	expectFailure(t, resp, body, 413, "PSYNC_S2001")
	q := w.request(t, "u1")
	q.header.Set("Content-Type", "text/plain")
	resp, _ = q.do(t)
	text, _ := io.ReadAll(resp.Body)
	expectFailure(t, resp, string(text), 415, "PSYNC_S2004")
}

// probe is a Health.
type probe clients.Probe

func (p probe) Probe() clients.Probe { return clients.Probe(p) }

func TestPoint13_Probes(t *testing.T) {
	store := clientstest.NewStore(t)
	long := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	for _, tt := range []struct {
		probe                        probe
		startup, liveness, readiness int
		body                         string
	}{
		{probe{}, 400, 200, 400, `{"ready":false,"started":false,"touched_at":"0001-01-01T00:00:00.000Z"}`},
		{probe{Started: true, Touched: long}, 200, 400, 400, `{"ready":false,"started":true,"touched_at":"2026-01-02T03:04:05.006Z"}`},
		{probe{Started: true, Ready: true, Touched: long}, 200, 400, 200, `{"ready":true,"started":true,"touched_at":"2026-01-02T03:04:05.006Z"}`},
	} {
		srv := store.Serve(t, func(cfg *clients.Config) { cfg.Health = tt.probe })
		for path, want := range map[string]int{"startup": tt.startup, "liveness": tt.liveness, "readiness": tt.readiness} {
			resp, body := call(t, http.MethodGet, srv.URL+"/probes/"+path, "", "")
			if resp.StatusCode != want || body != tt.body {
				t.Errorf("%s of %+v: %d %s, want %d %s", path, tt.probe, resp.StatusCode, body, want, tt.body)
			}
		}
	}
	srv := store.Serve(t, nil)
	if resp, _ := call(t, http.MethodGet, srv.URL+"/probes/liveness", "", ""); resp.StatusCode != 200 {
		t.Errorf("liveness of a process that replicates: %d", resp.StatusCode)
	}
}

func TestWithoutRulesNothingIsServed(t *testing.T) {
	store := clientstest.NewStore(t)
	var log bytes.Buffer
	srv := store.Serve(t, func(cfg *clients.Config) { cfg.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	token := "Token " + clientstest.Token(t, "u1")
	resp, body := call(t, http.MethodPost, srv.URL+"/sync/stream", token, "{}")
	expectFailure(t, resp, body, 500, "PSYNC_S2302")
	resp, body = call(t, http.MethodGet, srv.URL+"/write-checkpoint2.json", token, "")
	expectFailure(t, resp, body, 500, "PSYNC_S2302")
	srv.Close(t)
	if got := log.String(); strings.Contains(got, "level=ERROR") || !strings.Contains(got, "code=PSYNC_S2302") {
		t.Errorf("a first snapshot that runs is no error, but to be seen:\n%s", got)
	}
}

func TestNestedDataForOldClients(t *testing.T) {
	w := newWorld(t, definitions+mine)
	w.Commit(w.lists.Insert("a", "u1", "x"))
	q := w.request(t, "u1")
	q.body = `{}`
	s := q.open(t)
	if _, err := s.raw(); err != nil {
		t.Fatal(err)
	}
	line, err := s.raw()
	if err != nil || !bytes.Contains(line, []byte(`"data":{"id":"a","name":"x"}`)) {
		t.Errorf("got %s, %v", line, err)
	}
}

func TestPoint61_TooManyStreams(t *testing.T) {
	w := newWorld(t, definitions+mine)
	srv := w.Serve(t, func(cfg *clients.Config) { cfg.MaxConnections = 1 })
	q := w.request(t, "u1")
	q.url = srv.URL
	first := q.open(t)
	first.checkpoint()

	resp, stop := q.do(t)
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusTooManyRequests || len(body) > 0 {
		t.Errorf("got %d %q, want an empty 429", resp.StatusCode, body)
	}
	stop()
	c := dialRSocket(t, srv)
	c.send(setupFrame(t, "u1"))
	c.expectError(0, 3, "[PSYNC_S2304] Maximum active concurrent connections limit has been reached")

	first.stop()
	for { // the place is free once the server has seen that the client is gone
		resp, stop := q.do(t)
		stop()
		if resp.StatusCode == http.StatusOK {
			break
		}
	}
}

func TestPoint61_TooManyConnectionsOfAUser(t *testing.T) {
	w := newWorld(t, definitions+mine)
	srv := w.Serve(t, func(cfg *clients.Config) { cfg.MaxUserConnections = 1 })
	one, two := w.request(t, "u1"), w.request(t, "u2")
	one.url, two.url = srv.URL, srv.URL
	one.open(t).checkpoint()
	if resp, _ := one.do(t); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the user's second stream: %s", resp.Status)
	}
	c := dialRSocket(t, srv)
	c.send(setupFrame(t, "u1"))
	c.expectError(0, 3, "[PSYNC_S2304] Maximum active concurrent connections limit has been reached")
	two.open(t).checkpoint() // others are not concerned
}

// WebSockets whose clients say nothing are few, and don't keep those away that come later.
func TestPoint61_StrangersAreLimited(t *testing.T) {
	w := newWorld(t, definitions+mine)
	srv := w.Serve(t, func(cfg *clients.Config) { cfg.MaxConnections = 20 })
	silent := []*socket{dialRSocket(t, srv), dialRSocket(t, srv)}
	_, resp, err := websocket.DefaultDialer.Dial(srv.WebSocketURL(), nil)
	if err == nil {
		t.Fatal("there is no bound")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("got %s, want 429", resp.Status)
	}
	silent[0].send(setupFrame(t, "u1"))
	silent[0].ping() // it is known
	dialRSocket(t, srv).send(setupFrame(t, "u1"))
	silent[1].ws.Close()
	for deadline := time.Now().Add(patience); srv.Strangers() > 0; { // the place is free once the server has seen that the client is gone
		if time.Now().After(deadline) {
			t.Fatal("a client that is gone keeps its place")
		}
	}
}

func TestRequestSizeIsLimited(t *testing.T) {
	w := newWorld(t, definitions+mine)
	srv := w.Serve(t, func(cfg *clients.Config) { cfg.MaxRequestBytes = 2000 })
	long := `{"app_metadata":{"x":"` + strings.Repeat("x", 2000) + `"}}`
	resp, body := call(t, http.MethodPost, srv.URL+"/sync/stream", "", long)
	if f := expectFailure(t, resp, body, 413, "PSYNC_S2001"); f.Error.Details != `["/: must not be larger than 2000 bytes"]` {
		t.Errorf("details %s", f.Error.Details)
	}
	chunked, err := http.Post(srv.URL+"/sync/stream", "application/json", io.MultiReader(strings.NewReader(long)))
	if err != nil {
		t.Fatal(err)
	}
	defer chunked.Body.Close()
	if chunked.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a long body of unknown length: got %s", chunked.Status)
	}
	http.DefaultClient.CloseIdleConnections()
	c := dialRSocket(t, srv)
	c.send(setupFrame(t, "u1"), requestFrame(1, 10, strings.Repeat(long, 2)))
	if _, _, err := c.ws.ReadMessage(); err == nil {
		t.Error("a request of twice the limit is answered")
	}
}

func TestPoint61_TooManyBuckets(t *testing.T) {
	w := newWorld(t, definitions+mine+news)
	srv := w.Serve(t, func(cfg *clients.Config) { cfg.MaxBuckets = 1 })
	c := dialRSocket(t, srv)
	c.send(setupFrame(t, "u1"), requestFrame(1, 10, `{}`))
	c.expectError(1, 0x201, "[PSYNC_S2305] Too many buckets: 2 (limit of 1)")
}

func TestShutdown(t *testing.T) {
	w := newWorld(t, definitions+mine)
	q := w.request(t, "u1")
	s := q.open(t)
	s.round()
	c := dialRSocket(t, w.srv)
	c.send(setupFrame(t, "u1"), requestFrame(1, 10, `{}`))
	c.line()
	c.line()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.srv.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.raw(); !errors.Is(err, io.EOF) {
		t.Errorf("HTTP: got %v, want a clean end", err)
	}
	c.expectComplete(1)
	resp, body := call(t, http.MethodPost, w.srv.URL+"/sync/stream", q.token, "{}")
	expectFailure(t, resp, body, 503, "PSYNC_S2003")
	resp, body = call(t, http.MethodGet, w.srv.URL+"/write-checkpoint2.json", q.token, "")
	expectFailure(t, resp, body, 503, "PSYNC_S2003")
	if resp, _ := call(t, http.MethodGet, w.srv.URL+"/probes/readiness", "", ""); resp.StatusCode != 400 {
		t.Errorf("readiness %d", resp.StatusCode)
	}
}

// A client that reads nothing must not hold its stream forever.
func TestStalledHTTPClientIsCutOff(t *testing.T) {
	w := newWorld(t, definitions+mine)
	var changes []clientstest.Change
	for i := range 16 {
		changes = append(changes, w.lists.Insert(string(rune('a'+i)), "u1", strings.Repeat("x", 1<<20)))
	}
	w.Commit(changes...)
	srv := w.Serve(t, func(cfg *clients.Config) { cfg.WriteTimeout = 200 * time.Millisecond; cfg.MaxConnections = 1 })
	q := w.request(t, "u1")
	q.url = srv.URL
	conn, err := net.Dial("tcp", strings.TrimPrefix(srv.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /sync/stream HTTP/1.1\r\nHost: weir\r\nContent-Length: 0\r\nAuthorization: "+q.token+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 12)); err != nil { // the stream is there; nothing more is read
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		resp, stop := q.do(t)
		stop()
		if resp.StatusCode == http.StatusOK {
			return // the stalled stream gave its place back
		}
	}
	t.Error("the stalled stream keeps its place")
}

// A long body is not even waited for if its sender isn't known.
func TestLongBodiesNeedAToken(t *testing.T) {
	w := newWorld(t, definitions+mine)
	long := `{"app_metadata":{"x":"` + strings.Repeat("x", 600_000) + `"}}`
	for _, path := range []string{"/sync/stream", "/sync/checkpoint-request"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.srv.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: weir\r\nContent-Length: %d\r\n\r\n%s", path, len(long), long[:100_000])
		if err := errors.Join(err, conn.SetReadDeadline(time.Now().Add(patience))); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: got %s, want 401", path, resp.Status)
		}
	}
	q := w.request(t, "u1")
	q.body = long
	q.open(t).checkpoint()
}

// A client that never sends the body it has announced must not hold its connection forever, on no route.
func TestStalledBodyIsCutOff(t *testing.T) {
	w := newWorld(t, definitions+mine)
	srv := w.Serve(t, func(cfg *clients.Config) { cfg.ReadTimeout = 300 * time.Millisecond })
	for _, tt := range []struct{ request, headers, status string }{
		{"POST /sync/stream", "", "400"},
		{"POST /sync/stream", "Content-Type: text/plain\r\n", "415"},
		{"POST /sync/checkpoint-request", "", "400"},
		{"GET /write-checkpoint2.json", "", "401"},
		{"GET /probes/liveness", "", "200"},
		{"POST /nowhere", "", "404"},
		{"OPTIONS /sync/stream", "", "204"},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(srv.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		request := tt.request + " HTTP/1.1\r\nHost: weir\r\n" + tt.headers + "Content-Length: 10\r\n\r\n{"
		_, err = io.WriteString(conn, request)
		if err := errors.Join(err, conn.SetReadDeadline(time.Now().Add(patience))); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn) // to the end of the connection
		if want := "HTTP/1.1 " + tt.status; err != nil || !strings.HasPrefix(string(answer), want) {
			t.Errorf("%s: got %q, %v, want %s", tt.request, answer, err, want)
		}
	}
}

// The deadline of the body is not one of the stream.
func TestStreamOutlivesTheReadTimeout(t *testing.T) {
	w := newWorld(t, definitions+mine)
	srv := w.Serve(t, func(cfg *clients.Config) { cfg.ReadTimeout = time.Second })
	q := w.request(t, "u1")
	q.url = srv.URL
	s := q.open(t)
	s.round()
	time.AfterFunc(1200*time.Millisecond, func() { w.Commit(w.lists.Insert("a", "u1", "x")) })
	s.diff()
}
