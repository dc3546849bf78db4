package syncrules

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const subscriptionRules = `config: {edition: 3}
streams:
  everyone:
    auto_subscribe: true
    priority: 2
    query: SELECT * FROM t
  one:
    auto_subscribe: true
    query: SELECT * FROM t WHERE a = subscription.parameter('a') AND b = auth.user_id()
`

func TestReasonsAndPriorities(t *testing.T) {
	s := newStore(t, subscriptionRules)
	zero := 0
	got := s.resolve(&Request{
		Claims: json.RawMessage(`{"sub":"u1"}`),
		Subscriptions: []Subscription{
			{Stream: "one", Parameters: json.RawMessage(`{"a":"x"}`)},
			{Stream: "everyone", OverridePriority: &zero},
			{Stream: "one", Parameters: json.RawMessage(`{"a":"x"}`)},
			{Stream: "nosuch"},
			{Stream: "one", Parameters: json.RawMessage(`{`)},
		},
	})
	d := s.program.Definitions()
	want := []ResolvedBucket{
		{Definition: d[0], Name: "everyone|0[]", Priority: 0, Reasons: []Reason{{Default: true, Stream: 0}, {Subscription: 1}}},
		{Definition: d[1], Name: `one|0["x","u1"]`, Priority: 3, Reasons: []Reason{{Subscription: 0}, {Subscription: 2}}},
	}
	byName := cmp.Comparer(func(a, b *Definition) bool { return a == b })
	if diff := cmp.Diff(want, got.Buckets, byName); diff != "" {
		t.Errorf("buckets: -want +got:\n%s", diff)
	}
	if len(got.Streams) != 2 || len(got.Streams[1].Errors) != 1 || got.Streams[1].Errors[0].Subscription != 4 {
		t.Errorf("streams: got %+v, want an error of subscription 4 of the second", got.Streams)
	}
}

func TestExcludeDefaults(t *testing.T) {
	s := newStore(t, subscriptionRules)
	got := s.resolve(&Request{ExcludeDefaults: true, Subscriptions: []Subscription{{Stream: "everyone"}}})
	if len(got.Streams) != 1 || got.Streams[0].IsDefault || len(got.Buckets) != 1 || got.Buckets[0].Reasons[0].Default {
		t.Errorf("got %+v, want the explicit subscription only", got)
	}
}

func TestLookupsAreAskedAgain(t *testing.T) {
	p := mustCompile(t, stream("SELECT * FROM t WHERE a IN (SELECT a FROM t WHERE b = auth.user_id())"))
	r, err := p.NewResolver(&Request{Claims: json.RawMessage(`{"sub":"u1"}`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, values := range [][]string{{`["x"]`, `["x"]`, `["y"]`}, {}, {`["z"]`}} {
		var names []string
		out, err := r.Resolve(func(_ *Definition, _ []byte) ([][]byte, error) {
			var rows [][]byte
			for _, v := range values {
				rows = append(rows, []byte(v))
			}
			return rows, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range out.Buckets {
			names = append(names, b.Name)
		}
		distinct := map[int][]string{3: {`s|0["x"]`, `s|0["y"]`}, 1: {`s|0["z"]`}}[len(values)]
		if diff := cmp.Diff(distinct, names); diff != "" || out.ParameterResults != len(values) {
			t.Errorf("rows %v: parameter results %d, buckets -want +got:\n%s", values, out.ParameterResults, diff)
		}
	}
	failure := errors.New("disk gone")
	if _, err := r.Resolve(func(*Definition, []byte) ([][]byte, error) { return nil, failure }); !errors.Is(err, failure) {
		t.Errorf("got %v, want the lookup's error", err)
	}
}

func TestRequestErrorOfBucketDefinitionFailsAll(t *testing.T) {
	p := mustCompile(t, legacy("SELECT json_extract(request.jwt() ->> 'c', '$.a') AS x", "SELECT * FROM t WHERE a = bucket.x"))
	if _, err := p.NewResolver(&Request{Claims: json.RawMessage(`{"c":"{"}`)}); err == nil {
		t.Error("bad JSON in a claim is accepted")
	}
	if _, err := p.NewResolver(&Request{Claims: json.RawMessage(`{`)}); err == nil {
		t.Error("bad claims are accepted")
	}
}
