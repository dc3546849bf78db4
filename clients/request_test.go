package clients

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/syncrules"
)

func TestStreamRequest(t *testing.T) {
	body := `{
		"buckets": [{"name":"1#a[]","after":"12"},{"name":"$local","after":"9223372036854775807"}],
		"Buckets": 5, "unknown": {"x":1}, "only": ["a"],
		"include_checksum": true, "raw_data": true, "binary_data": true,
		"client_id": "c1", "parameters": {"n": 12345678901234567890}, "app_metadata": {"v":"1"},
		"streams": {"include_defaults": false, "subscriptions": [
			{"stream":"s","parameters":{"a":1},"override_priority":1},
			{"stream":"t","parameters":null,"override_priority":null}]}}`
	got, err := parseStreamRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	want := &streamRequest{
		positions: map[string]buckets.OpID{"1#a[]": 12, "$local": 1<<63 - 1},
		raw:       true,
		clientID:  "c1",
		rules: syncrules.Request{
			Parameters: json.RawMessage(`{"n": 12345678901234567890}`), ExcludeDefaults: true,
			Subscriptions: []syncrules.Subscription{
				{Stream: "s", Parameters: json.RawMessage(`{"a":1}`), OverridePriority: new(1)}, {Stream: "t"},
			},
		},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(streamRequest{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestEmptyStreamRequests(t *testing.T) {
	for _, body := range []string{"", " \n", "{}", `{"parameters":null,"streams":null,"buckets":null,"client_id":null}`} {
		got, err := parseStreamRequest([]byte(body))
		if err != nil {
			t.Errorf("%q: %v", body, err)
			continue
		}
		want := &streamRequest{positions: map[string]buckets.OpID{}}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(streamRequest{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", body, diff)
		}
	}
}

func TestBadStreamRequestsNameTheirFault(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{`[]`, `["/: must be an object"]`},
		{`null`, `["/: must be an object"]`},
		{`{`, `["/: must be an object"]`},
		{`{"buckets":5}`, `["/buckets: must be an array"]`},
		{`{"buckets":[5]}`, `["/buckets/0: must be an object"]`},
		{`{"buckets":[{"name":"a"}]}`, `["/buckets/0/after: must be a string"]`},
		{`{"buckets":[{"after":"1"}]}`, `["/buckets/0/name: must be a string"]`},
		{`{"buckets":[{"name":"a","after":1}]}`, `["/buckets/0/after: must be a string"]`},
		{`{"buckets":[{"name":"a","after":"-1"}]}`, `["/buckets/0/after: must be a decimal number of 63 bits"]`},
		{`{"buckets":[{"name":"a","after":"9223372036854775808"}]}`, `["/buckets/0/after: must be a decimal number of 63 bits"]`},
		{`{"buckets":[{"name":"a","after":"x"}]}`, `["/buckets/0/after: must be a decimal number of 63 bits"]`},
		{`{"buckets":[{"name":"a","after":""}]}`, `["/buckets/0/after: must be a decimal number of 63 bits"]`},
		{`{"raw_data":"yes"}`, `["/raw_data: must be a boolean"]`},
		{`{"client_id":5,"parameters":[]}`, `["/client_id: must be a string","/parameters: must be an object"]`},
		{`{"app_metadata":{"a":1}}`, `["/app_metadata/a: must be a string"]`},
		{`{"only":[1]}`, `["/only/0: must be a string"]`},
		{`{"streams":{}}`, `["/streams/subscriptions: is required"]`},
		{`{"streams":{"subscriptions":[{"stream":"s","parameters":null}]}}`, `["/streams/subscriptions/0/override_priority: is required"]`},
		{
			`{"streams":{"subscriptions":[{"stream":"s","parameters":1,"override_priority":4}]}}`,
			`["/streams/subscriptions/0/parameters: must be an object","/streams/subscriptions/0/override_priority: must be an integer from 0 to 3, or null"]`,
		},
	} {
		_, err := parseStreamRequest([]byte(tt.body))
		var f *fault
		if !errors.As(err, &f) || f.code != codeInvalid || f.status != 400 {
			t.Errorf("%s: got %v", tt.body, err)
			continue
		}
		if f.details != tt.want {
			t.Errorf("%s: got %s, want %s", tt.body, f.details, tt.want)
		}
	}
}

// A small body can have a million faults: an answer that named all of them would be many times its size.
func TestAnswersToBadRequestsAreSmall(t *testing.T) {
	_, err := parseStreamRequest([]byte(`{"buckets":[` + strings.Repeat("0,", 1000) + `0]}`))
	var f *fault
	if !errors.As(err, &f) || len(f.details) > 2000 || !strings.HasPrefix(f.details, `["/buckets/0: must be an object","/buckets/1: `) {
		t.Errorf("got %v", err)
	}
}

// A key of the store has no room for it.
func TestLongClientIDIsTheClientsFault(t *testing.T) {
	for n, want := range map[int]bool{maxClientID: true, maxClientID + 1: false, 40_000: false} {
		id := strings.Repeat("x", n)
		if _, err := parseStreamRequest([]byte(`{"client_id":"` + id + `"}`)); (err == nil) != want {
			t.Errorf("stream, %d bytes: got %v", n, err)
		}
		if _, _, err := parseCheckpointRequest([]byte(`{"client_id":"` + id + `","checkpoint_request_id":"1"}`)); (err == nil) != want {
			t.Errorf("checkpoint request, %d bytes: got %v", n, err)
		}
	}
}

func TestPoint53_CheckpointRequestNumbers(t *testing.T) {
	for _, raw := range []string{`"5"`, `5`, `"9223372036854775807"`, `1`} {
		if _, _, err := parseCheckpointRequest([]byte(`{"client_id":"c","checkpoint_request_id":` + raw + `}`)); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
	for _, raw := range []string{`0`, `"0"`, `-1`, `"-1"`, `"9223372036854775808"`, `9223372036854775808`, `"abc"`, `1.5`, `"+1"`, `1e3`, `""`, `null`, `{}`} {
		if _, _, err := parseCheckpointRequest([]byte(`{"client_id":"c","checkpoint_request_id":` + raw + `}`)); err == nil {
			t.Errorf("%s: accepted", raw)
		}
	}
	for _, body := range []string{``, `{}`, `{"client_id":"c"}`, `{"checkpoint_request_id":"1"}`, `{"client_id":1,"checkpoint_request_id":"1"}`} {
		if _, _, err := parseCheckpointRequest([]byte(body)); err == nil {
			t.Errorf("%s: accepted", body)
		}
	}
}

func TestWriteKeysOfUsersDontMeet(t *testing.T) {
	if a, b := writeKey("a", "b/c"), writeKey("a/b", "c"); a == b {
		t.Errorf("both are %q", a)
	}
	if a, b := writeKey("a/b", ""), writeKey("a", "b"); a == b {
		t.Errorf("both are %q", a)
	}
	if got := writeKey("u1", "c1"); got != "u1/c1" {
		t.Errorf("got %q", got)
	}
}

func FuzzStreamRequest(f *testing.F) {
	f.Add([]byte(`{"buckets":[{"name":"a","after":"1"}],"raw_data":true,"parameters":{"a":1},"streams":{"include_defaults":true,"subscriptions":[{"stream":"s","parameters":{},"override_priority":2}]}}`))
	f.Add([]byte(`{"app_metadata":{"a":"b"},"only":["x"],"client_id":"c"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := parseStreamRequest(body)
		var problem *fault
		switch {
		case err != nil && !errors.As(err, &problem):
			t.Errorf("error %v is no fault", err)
		case err != nil && !strings.HasPrefix(problem.details, `["/`):
			t.Errorf("details %q", problem.details)
		case err == nil && len(req.rules.Parameters) > 0 && !json.Valid(req.rules.Parameters):
			t.Errorf("parameters %q", req.rules.Parameters)
		}
	})
}

func FuzzCheckpointRequest(f *testing.F) {
	f.Add([]byte(`{"client_id":"c","checkpoint_request_id":"5"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, id, err := parseCheckpointRequest(body); err == nil && id < 1 {
			t.Errorf("accepted %d", id)
		}
	})
}
