package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/clients/reply"
)

// recorder is a Replication that keeps what it was asked for.
type recorder struct{ asked []ResnapshotRequest }

func (*recorder) Status() []SourceStatus {
	return []SourceStatus{{Name: "default", State: "streaming"}}
}

func (r *recorder) Resnapshot(_ context.Context, request ResnapshotRequest) ([]ResnapshotTable, error) {
	r.asked = append(r.asked, request)
	if request.Table == "nothing" {
		return nil, &reply.Error{Status: http.StatusNotFound, Code: "WEIR_NO_TABLE", Text: "There is no such table"}
	}
	return []ResnapshotTable{{Source: "default", ID: 7, Generation: 2}}, nil
}

func newReplicating(t *testing.T) (*Server, *recorder) {
	s, r := newServer(t, testToken), &recorder{}
	s.cfg.Replication = r
	s.cfg.Memory = func() MemoryStatus { return MemoryStatus{Used: 1, Limit: 2, SnapshotLimit: 3} }
	return s, r
}

// TestResnapshotRoute: requests come with their defaults filled in, or not at all.
func TestResnapshotRoute(t *testing.T) {
	s, r := newReplicating(t)
	for body, want := range map[string]ResnapshotRequest{
		`{"table":"items"}`: {Schema: "public", Table: "items", Action: "start"},
		`{"source":"a","schema":"b","table":"c","where":" id < 3 "}`: {Source: "a", Schema: "b", Table: "c", Where: "id < 3", Action: "start"},
		`{"table":"items","action":"pause"}`:                         {Schema: "public", Table: "items", Action: "pause"},
	} {
		r.asked = nil
		status, answer := call(s, "POST", "/api/v1/resnapshot", "Bearer "+testToken, body)
		if diff := cmp.Diff([]ResnapshotRequest{want}, r.asked); status != http.StatusOK || diff != "" {
			t.Errorf("%s: got %d %s, asked (-want +got):\n%s", body, status, answer, diff)
		}
	}
	r.asked = nil
	for body, want := range map[string]int{
		`{}`:                                http.StatusBadRequest,
		`{"table":"items","action":"burn"}`: http.StatusBadRequest,
		`{"table":"i","action":"pause","where":"true"}`: http.StatusBadRequest,
		`{"table":`: http.StatusBadRequest,
	} {
		if status, answer := call(s, "POST", "/api/v1/resnapshot", "Bearer "+testToken, body); status != want || len(r.asked) > 0 {
			t.Errorf("%s: got %d %s and asked for %+v, want %d", body, status, answer, r.asked, want)
		}
	}
	status, answer := call(s, "POST", "/api/v1/resnapshot", "Bearer "+testToken, `{"table":"nothing"}`)
	if got, want := errorOf(t, status, answer), "404 WEIR_NO_TABLE There is no such table"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStatusRoute(t *testing.T) {
	s, _ := newReplicating(t)
	status, answer := call(s, "GET", "/api/v1/status", "Bearer "+testToken, "")
	var got struct{ Data Overview }
	if err := json.Unmarshal([]byte(answer), &got); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, answer, err)
	}
	want := Overview{
		Sources: []SourceStatus{{Name: "default", State: "streaming"}}, Versions: []Version{}, Memory: MemoryStatus{Used: 1, Limit: 2, SnapshotLimit: 3},
	}
	if got.Data.Store.Bytes == 0 || got.Data.Store.Full {
		t.Errorf("store %+v", got.Data.Store)
	}
	got.Data.Store = StoreStatus{}
	if diff := cmp.Diff(want, got.Data); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
