package syncclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/syncclient"
)

const rules = `
bucket_definitions:
  mine:
    parameters: SELECT request.user_id() AS owner
    data:
      - SELECT id, name FROM lists WHERE owner = bucket.owner
`

// client is a running client whose applied checkpoints can be waited for.
type client struct {
	*syncclient.Client
	tb      testing.TB
	applied chan syncclient.Applied
	errs    chan error
	stop    func()
}

func start(tb testing.TB, opts syncclient.Options) *client {
	tb.Helper()
	c := &client{tb: tb, applied: make(chan syncclient.Applied, 100), errs: make(chan error, 100)}
	transport := &http.Transport{}
	opts.HTTPClient = &http.Client{Transport: transport}
	opts.RetryDelay = 10 * time.Millisecond
	opts.OnApply = func(a syncclient.Applied) { c.applied <- a }
	opts.OnError = func(err error) { c.errs <- err }
	c.Client = syncclient.New(opts)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	c.stop = func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			tb.Errorf("Run returned %v", err)
		}
		transport.CloseIdleConnections()
	}
	tb.Cleanup(c.stop)
	return c
}

// next waits for the next applied checkpoint.
func (c *client) next() syncclient.Applied {
	c.tb.Helper()
	select {
	case a := <-c.applied:
		return a
	case err := <-c.errs:
		c.tb.Fatal(err)
	case <-time.After(30 * time.Second):
		c.tb.Fatal("no checkpoint within 10 s")
	}
	return syncclient.Applied{}
}

// expect waits for a checkpoint and compares its changes, each as "table id old -> new".
func (c *client) expect(want ...string) {
	c.tb.Helper()
	var got []string
	for _, ch := range c.next().Changes {
		got = append(got, fmt.Sprintf("%s %s %s -> %s", ch.Table, ch.ID, ch.Old, ch.New))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.tb.Fatalf("changes (-want +got):\n%s", diff)
	}
}

var transports = map[string]syncclient.Options{
	"bson":      {Transport: syncclient.HTTP},
	"bson gzip": {Transport: syncclient.HTTP, Compress: true},
	"ndjson":    {Transport: syncclient.HTTPLines},
	"websocket": {Transport: syncclient.WebSocket},
}

func TestChangesArriveOverEveryTransport(t *testing.T) {
	for name, opts := range transports {
		t.Run(name, func(t *testing.T) {
			store := clientstest.NewStore(t)
			lists := store.Table("lists", "id", "owner", "name")
			store.Commit(lists.Insert("a", "u1", "one"), lists.Insert("b", "u2", "two"))
			store.Deploy(rules)
			srv := store.Serve(t, nil)
			opts.Endpoint, opts.Token = srv.URL, syncclient.StaticToken(clientstest.Token(t, "u1"))
			c := start(t, opts)
			c.expect(`lists a  -> {"id":"a","name":"one"}`)
			store.Commit(lists.Insert("c", "u1", "three"), lists.Update("a", "u1", "uno"))
			c.expect(`lists a {"id":"a","name":"one"} -> {"id":"a","name":"uno"}`, `lists c  -> {"id":"c","name":"three"}`)
			store.Commit(lists.Delete("a"), lists.Update("b", "u1", "two"))
			c.expect(`lists a {"id":"a","name":"uno"} -> `, `lists b  -> {"id":"b","name":"two"}`)
			want := []syncclient.Row{{ID: "b", Data: []byte(`{"id":"b","name":"two"}`)}, {ID: "c", Data: []byte(`{"id":"c","name":"three"}`)}}
			if diff := cmp.Diff(want, c.Rows("lists")); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if got := c.Tables(); len(got) != 1 || got[0] != "lists" {
				t.Errorf("tables %q", got)
			}
			if s := c.Stats(); s.Connections != 1 || s.Checkpoints != 3 || s.Ops != 5 || s.Bytes == 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// Not only rows survive a restart of the server, but positions: nothing is sent again.
func TestPoint60_RestartResumes(t *testing.T) {
	for name, opts := range transports {
		t.Run(name, func(t *testing.T) {
			store := clientstest.NewStore(t)
			lists := store.Table("lists", "id", "owner", "name")
			store.Commit(lists.Insert("a", "u1", "one"))
			store.Deploy(rules)
			first := store.Serve(t, nil)
			front := newFront(t, first.URL)
			opts.Endpoint, opts.Token = front.url, syncclient.StaticToken(clientstest.Token(t, "u1"))
			c := start(t, opts)
			c.expect(`lists a  -> {"id":"a","name":"one"}`)

			first.Close(t)
			store.Reopen()
			store.Commit(lists.Insert("b", "u1", "two"))
			front.point(store.Serve(t, nil).URL)
			for {
				select {
				case err := <-c.errs:
					t.Logf("while nothing is there: %v", err)
					continue
				case a := <-c.applied:
					if len(a.Changes) != 1 || a.Changes[0].ID != "b" {
						t.Errorf("got %+v, want the new row only", a.Changes)
					}
				case <-time.After(30 * time.Second):
					t.Error("no checkpoint within 10 s")
				}
				break
			}
			if got := c.Stats().Ops; got != 2 {
				t.Errorf("%d operations were sent, want 2", got)
			}
		})
	}
}

func TestRefusedTokenIsAStatusError(t *testing.T) {
	store := clientstest.NewStore(t)
	store.Table("lists", "id", "owner", "name")
	store.Deploy(rules)
	srv := store.Serve(t, nil)
	c := start(t, syncclient.Options{Endpoint: srv.URL, Token: syncclient.StaticToken(clientstest.Token(t, "u1", "aud", "x"))})
	var status *syncclient.StatusError
	if err := <-c.errs; !errors.As(err, &status) || status.Status != 401 || status.Code != "PSYNC_S2105" {
		t.Errorf("got %v", err)
	}
}

func TestWriteCheckpointArrives(t *testing.T) {
	store := clientstest.NewStore(t)
	store.Table("lists", "id", "owner", "name")
	store.Deploy(rules)
	srv := store.Serve(t, nil)
	c := start(t, syncclient.Options{Endpoint: srv.URL, ClientID: "c1", Token: syncclient.StaticToken(clientstest.Token(t, "u1"))})
	if a := c.next(); a.WriteCheckpoint != 0 {
		t.Errorf("first checkpoint has write checkpoint %d", a.WriteCheckpoint)
	}
	id, err := c.WriteCheckpoint(t.Context())
	if err != nil || id != 1 {
		t.Fatalf("got %d, %v", id, err)
	}
	if a := c.next(); a.WriteCheckpoint != 1 {
		t.Errorf("got write checkpoint %d, want 1", a.WriteCheckpoint)
	}
}

// script is a server that sends lines.
func script(tb testing.TB, bodies chan<- string, connections ...string) string {
	tb.Helper()
	return serveHTTP(tb, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := new(strings.Builder)
		_ = r.Write(body)
		bodies <- body.String()[strings.Index(body.String(), "\r\n\r\n")+4:]
		w.Header().Set("Content-Type", "application/x-ndjson")
		if len(connections) > 0 {
			_, _ = io.WriteString(w, connections[0])
			connections = connections[1:]
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
}

const (
	opA = `{"op_id":"1","op":"PUT","object_type":"t","object_id":"a","subkey":"s","checksum":5,"data":"{\"v\":1}"}`
	opB = `{"op_id":"2","op":"PUT","object_type":"t","object_id":"a","subkey":"s","checksum":6,"data":"{\"v\":2}"}`
)

func TestPoint59_FailingBucketIsDownloadedAgain(t *testing.T) {
	bodies := make(chan string, 10)
	url := script(t, bodies,
		`{"checkpoint":{"last_op_id":"2","buckets":[{"bucket":"good","checksum":5},{"bucket":"bad","checksum":7}]}}
{"data":{"bucket":"good","data":[`+opA+`],"next_after":"1"}}
{"data":{"bucket":"bad","data":[`+opB+`],"next_after":"2"}}
{"checkpoint_complete":{"last_op_id":"2"}}
`,
		`{"checkpoint":{"last_op_id":"2","buckets":[{"bucket":"good","checksum":5},{"bucket":"bad","checksum":6}]}}
{"data":{"bucket":"bad","data":[`+opB+`],"next_after":"2"}}
{"checkpoint_complete":{"last_op_id":"2"}}
`)
	c := start(t, syncclient.Options{Endpoint: url, Transport: syncclient.HTTPLines, Token: syncclient.StaticToken("x")})
	var wrong *syncclient.ChecksumError
	if err := <-c.errs; !errors.As(err, &wrong) || len(wrong.Buckets) != 1 || wrong.Buckets[0] != "bad" {
		t.Fatalf("got %v", err)
	}
	c.expect(`t a  -> {"v":2}`) // the higher op id wins, in whichever bucket it is
	if got := <-bodies; !strings.Contains(got, `"buckets":[]`) {
		t.Errorf("first request %s", got)
	}
	if got := <-bodies; !strings.Contains(got, `"buckets":[{"name":"good","after":"1"}]`) {
		t.Errorf("second request %s", got)
	}
}

func TestPartialCompletionShowsItsPriority(t *testing.T) {
	url := script(t, make(chan string, 10),
		`{"checkpoint":{"last_op_id":"2","buckets":[{"bucket":"p0","checksum":5,"priority":0},{"bucket":"p3","checksum":6,"priority":3}]}}
{"data":{"bucket":"p0","data":[`+opA+`],"next_after":"1"}}
{"partial_checkpoint_complete":{"last_op_id":"2","priority":0}}
{"data":{"bucket":"p3","data":[`+opB+`],"next_after":"2"}}
{"checkpoint_complete":{"last_op_id":"2"}}
{"checkpoint_diff":{"last_op_id":"3","removed_buckets":["p3"],"updated_buckets":[]}}
{"checkpoint_complete":{"last_op_id":"3"}}
{"checkpoint_diff":{"last_op_id":"3","removed_buckets":["p0"],"updated_buckets":[]}}
{"checkpoint_complete":{"last_op_id":"3"}}
`)
	c := start(t, syncclient.Options{Endpoint: url, Transport: syncclient.HTTPLines, Token: syncclient.StaticToken("x")})
	c.expect(`t a  -> {"v":1}`)
	c.expect(`t a {"v":1} -> {"v":2}`)
	c.expect(`t a {"v":2} -> {"v":1}`)
	c.expect(`t a {"v":1} -> `)
}

func TestProtocolViolationsAreErrors(t *testing.T) {
	checkpoint := `{"checkpoint":{"last_op_id":"2","buckets":[{"bucket":"b","checksum":5}]}}` + "\n"
	page := `{"data":{"bucket":"b","data":[` + opA + `],"next_after":"1"}}` + "\n"
	for name, lines := range map[string]string{
		"diff first":             `{"checkpoint_diff":{"last_op_id":"2","removed_buckets":[],"updated_buckets":[]}}` + "\n",
		"data first":             page,
		"complete first":         `{"checkpoint_complete":{"last_op_id":"2"}}` + "\n",
		"op twice":               checkpoint + page + page,
		"op beyond checkpoint":   strings.Replace(checkpoint, `"2"`, `"0"`, 1) + page,
		"unknown bucket":         checkpoint + strings.Replace(page, `"b"`, `"c"`, 1),
		"wrong next":             checkpoint + strings.Replace(page, `"next_after":"1"`, `"next_after":"2"`, 1),
		"checkpoint goes back":   checkpoint + strings.Replace(checkpoint, `"2"`, `"1"`, 1),
		"other complete":         checkpoint + page + `{"checkpoint_complete":{"last_op_id":"1"}}` + "\n",
		"no JSON":                "x\n",
		"bucket announced twice": `{"checkpoint":{"last_op_id":"2","buckets":[{"bucket":"b","checksum":5},{"bucket":"b","checksum":5}]}}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			url := script(t, make(chan string, 100), lines)
			c := start(t, syncclient.Options{Endpoint: url, Transport: syncclient.HTTPLines, Token: syncclient.StaticToken("x")})
			select {
			case err := <-c.errs:
				t.Log(err)
			case a := <-c.applied:
				t.Errorf("applied %+v", a)
			case <-time.After(30 * time.Second):
				t.Error("no error within 10 s")
			}
		})
	}
}

func TestNewTokenBeforeTheOldExpires(t *testing.T) {
	bodies := make(chan string, 10)
	url := script(t, bodies, `{"token_expires_in":31}`+"\n"+`{"token_expires_in":30}`+"\n")
	asked := 0
	token := func(context.Context) (string, error) {
		asked++
		return fmt.Sprint(asked), nil
	}
	start(t, syncclient.Options{Endpoint: url, Transport: syncclient.HTTPLines, Token: token})
	<-bodies
	<-bodies // at once, without the delay or an error
}
