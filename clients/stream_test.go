package clients_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/wire"
)

// mine gives each user the lists they own, all everybody the news.
const (
	mine = `
  mine:
    parameters: SELECT request.user_id() AS owner
    data:
      - SELECT id, name FROM lists WHERE owner = bucket.owner
`
	news = `
  news:
    priority: 0
    data:
      - SELECT id, name FROM news
`
	definitions = "bucket_definitions:"
)

// world is a store with lists and news, and a server.
type world struct {
	*clientstest.Store
	lists, news *clientstest.Table
	srv         *clientstest.Server
}

func newWorld(t testing.TB, rules string) *world {
	t.Helper()
	w := &world{Store: clientstest.NewStore(t)}
	w.lists, w.news = w.Table("lists", "id", "owner", "name"), w.Table("news", "id", "name")
	w.Deploy(rules)
	w.srv = w.Serve(t, nil)
	return w
}

// request is a stream request under construction.
type request struct {
	url, token, body string
	header           http.Header
}

func (w *world) request(t testing.TB, user string) *request {
	t.Helper()
	return &request{url: w.srv.URL, token: "Token " + clientstest.Token(t, user), body: `{"raw_data":true}`, header: http.Header{}}
}

// stream is an open HTTP stream.
type stream struct {
	t    testing.TB
	resp *http.Response
	r    *bufio.Reader
	stop context.CancelFunc
}

// patience is how long anything may take before a test fails.
const patience = 30 * time.Second

// do sends the request. The answer's body must be read within patience.
func (q *request) do(t testing.TB) (*http.Response, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, q.url+"/sync/stream", strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = q.header
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.token != "" {
		req.Header.Set("Authorization", q.token)
	}
	transport := &http.Transport{DisableCompression: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	stop := func() {
		cancel()
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
	}
	t.Cleanup(stop)
	return resp, stop
}

// open opens a stream, which must be granted.
func (q *request) open(t testing.TB) *stream {
	t.Helper()
	resp, stop := q.do(t)
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("answer %s: %s", resp.Status, body)
	}
	var body io.Reader = resp.Body
	var err error
	switch resp.Header.Get("Content-Encoding") {
	case "gzip":
		body, err = gzip.NewReader(body)
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(body); err == nil {
			t.Cleanup(z.Close)
			body = z
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return &stream{t: t, resp: resp, r: bufio.NewReader(body), stop: stop}
}

// raw returns the next line as it came.
func (s *stream) raw() ([]byte, error) {
	if s.resp.Header.Get("Content-Type") != wire.BSON.ContentType() {
		return s.r.ReadBytes('\n')
	}
	size, err := s.r.Peek(4)
	if err != nil {
		return nil, err
	}
	doc := make([]byte, binary.LittleEndian.Uint32(size))
	_, err = io.ReadFull(s.r, doc)
	return doc, err
}

// next returns the next line.
func (s *stream) next() *wire.Line {
	s.t.Helper()
	raw, err := s.raw()
	if err != nil {
		s.t.Fatalf("read line %q: %v", raw, err)
	}
	decode := wire.DecodeJSON
	if s.resp.Header.Get("Content-Type") == wire.BSON.ContentType() {
		decode = wire.DecodeBSON
	}
	line, err := decode(raw)
	if err != nil {
		s.t.Fatalf("line %s: %v", raw, err)
	}
	return line
}

func (s *stream) checkpoint() *wire.Checkpoint {
	s.t.Helper()
	line := s.next()
	if line.Checkpoint == nil {
		s.t.Fatalf("got %s, want a checkpoint", describe(line))
	}
	return line.Checkpoint
}

func (s *stream) diff() *wire.Diff {
	s.t.Helper()
	line := s.next()
	if line.Diff == nil {
		s.t.Fatalf("got %s, want a diff", describe(line))
	}
	return line.Diff
}

func (s *stream) page() *wire.Page {
	s.t.Helper()
	line := s.next()
	if line.Page == nil {
		s.t.Fatalf("got %s, want data", describe(line))
	}
	return line.Page
}

// complete expects the completion of the checkpoint.
func (s *stream) complete(lastOp uint64) {
	s.t.Helper()
	if line := s.next(); line.Complete == nil || *line.Complete != lastOp {
		s.t.Fatalf("got %s, want the completion of %d", describe(line), lastOp)
	}
}

// round reads one whole checkpoint or diff with its data, and returns the kinds of its lines.
func (s *stream) round() string {
	s.t.Helper()
	var kinds []string
	for {
		line := s.next()
		if kinds = append(kinds, describe(line)); line.Complete != nil {
			return strings.Join(kinds, " ")
		}
	}
}

// describe names the line's kind, and what is in it.
func describe(line *wire.Line) string {
	switch {
	case line.Checkpoint != nil:
		return "checkpoint"
	case line.Diff != nil:
		return "diff"
	case line.Page != nil:
		return "data(" + bare(line.Page.Bucket) + ")"
	case line.Partial != nil:
		return "partial(" + string(rune('0'+line.Partial.Priority)) + ")"
	case line.Complete != nil:
		return "complete"
	case line.ExpiresIn != nil:
		return "expires"
	}
	return "unknown"
}

// bare is a bucket's name without the id of its definition.
func bare(bucket string) string {
	_, name, _ := strings.Cut(bucket, "#")
	return name
}
