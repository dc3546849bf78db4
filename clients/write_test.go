package clients_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/clients/clientstest"
)

// nextWrite asks for a write checkpoint.
func nextWrite(t testing.TB, srv *clientstest.Server, user, clientID string) string {
	t.Helper()
	resp, body := call(t, http.MethodGet, srv.URL+"/write-checkpoint2.json?client_id="+clientID, "Token "+clientstest.Token(t, user), "")
	var answer struct {
		Data struct {
			ID string `json:"write_checkpoint"`
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("got %d %s", resp.StatusCode, body)
	}
	return answer.Data.ID
}

func TestPoint50_WriteCheckpointsCount(t *testing.T) {
	w := newWorld(t, definitions+mine)
	for _, tt := range []struct{ user, client, want string }{
		{"u1", "c1", "1"}, {"u1", "c1", "2"}, {"u1", "c2", "1"}, {"u2", "c1", "1"}, {"u1", "", "1"}, {"u1", "c1", "3"},
	} {
		if got := nextWrite(t, w.srv, tt.user, tt.client); got != tt.want {
			t.Errorf("%s/%s: got %s, want %s", tt.user, tt.client, got, tt.want)
		}
	}
}

func TestPoint27_And51_WriteCheckpointInTheStream(t *testing.T) {
	w := newWorld(t, definitions+mine)
	q := w.request(t, "u1")
	q.body = `{"raw_data":true,"client_id":"c1"}`
	s := q.open(t)
	if c := s.checkpoint(); c.WriteCheckpoint != 0 {
		t.Errorf("write checkpoint %d before any", c.WriteCheckpoint)
	}
	s.next()
	other := w.request(t, "u1").open(t)
	other.round()

	nextWrite(t, w.srv, "u1", "c2") // another client's: nobody here hears of it
	nextWrite(t, w.srv, "u1", "c1")
	d := s.diff() // nothing else happens at the source
	if d.WriteCheckpoint != 1 || len(d.Removed)+len(d.Updated) != 0 {
		t.Errorf("diff %+v", d)
	}
	s.complete(d.LastOp)
	w.Commit(w.lists.Insert("a", "u1", "x"))
	if d := s.diff(); d.WriteCheckpoint != 1 {
		t.Errorf("the write checkpoint is not repeated: %+v", d)
	}
	if d := other.diff(); d.WriteCheckpoint != 0 {
		t.Errorf("another client's write checkpoint: %+v", d)
	}
	if c := q.open(t).checkpoint(); c.WriteCheckpoint != 1 {
		t.Errorf("a later connection has write checkpoint %d", c.WriteCheckpoint)
	}
}

// A write checkpoint that is reached while its session comes up must not wait for the next change.
func TestWriteCheckpointReachedDuringTheFirstLook(t *testing.T) {
	w := newWorld(t, definitions+mine)
	heads, err := w.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.NextWriteCheckpoint(t.Context(), "u1/c1", heads); err != nil {
		t.Fatal(err)
	}
	for _, reach := range []bool{false, true} {
		claims := &auth.Claims{Subject: "u1", Payload: json.RawMessage(`{"sub":"u1"}`), Expires: time.Now().Add(time.Hour)}
		noticed, err := clients.Noticed(clients.Config{Store: w.Store.Store}, []byte(`{"client_id":"c1"}`), claims, func() {
			if reach {
				w.Commit() // no operation
			}
		})
		if err != nil || noticed != reach {
			t.Errorf("reached %v: got %v, %v", reach, noticed, err)
		}
	}
}

func TestWriteCheckpointOfALongClientID(t *testing.T) {
	w := newWorld(t, definitions+mine)
	url := w.srv.URL + "/write-checkpoint2.json?client_id=" + strings.Repeat("x", 40_000)
	resp, body := call(t, http.MethodGet, url, "Token "+clientstest.Token(t, "u1"), "")
	expectFailure(t, resp, body, 400, "PSYNC_S2001")
}

func TestPoint53_CheckpointRequests(t *testing.T) {
	w := newWorld(t, definitions+mine)
	q := w.request(t, "u1")
	q.body = `{"raw_data":true,"client_id":"c1"}`
	s := q.open(t)
	s.round()
	for _, tt := range []struct{ id, want string }{{`"5"`, "5"}, {`3`, "5"}, {`6`, "6"}} {
		body := `{"client_id":"c1","checkpoint_request_id":` + tt.id + `}`
		resp, got := call(t, http.MethodPost, w.srv.URL+"/sync/checkpoint-request", q.token, body)
		if want := `{"data":{"checkpoint_request_id":"` + tt.want + `"}}`; resp.StatusCode != 200 || got != want {
			t.Errorf("%s: got %d %s, want %s", tt.id, resp.StatusCode, got, want)
		}
	}
	for last := int64(0); last < 6; {
		line := s.next()
		if line.Diff != nil {
			last = line.Diff.WriteCheckpoint
		}
	}
	for _, id := range []string{"0", "-1", "9223372036854775808", `"abc"`} {
		body := `{"client_id":"c1","checkpoint_request_id":` + id + `}`
		resp, got := call(t, http.MethodPost, w.srv.URL+"/sync/checkpoint-request", q.token, body)
		expectFailure(t, resp, got, 400, "PSYNC_S2001")
	}
}

func TestPoint54_NumbersSurviveRestartAndDeploy(t *testing.T) {
	w := newWorld(t, definitions+mine)
	nextWrite(t, w.srv, "u1", "c1")
	w.srv.Close(t)
	w.Reopen()
	w.Deploy(definitions + mine + news)
	srv := w.Serve(t, nil)
	if got := nextWrite(t, srv, "u1", "c1"); got != "2" {
		t.Errorf("got %s, want 2", got)
	}
}
