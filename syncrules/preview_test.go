package syncrules

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPreview(t *testing.T) {
	program := mustCompile(t, `config: {edition: 3}
streams:
  mine:
    auto_subscribe: true
    query: SELECT * FROM todos WHERE owner = auth.user_id() OR list IN (SELECT id FROM lists WHERE owner = auth.user_id() AND kind = 'it''s')
  chain:
    auto_subscribe: true
    query: SELECT c.* FROM c JOIN b ON b.id = c.b JOIN a ON a.id = b.a WHERE a.owner = auth.user_id()
  nobody: {auto_subscribe: true, query: SELECT * FROM t WHERE team = auth.parameter('team')}
  team: {query: SELECT * FROM t WHERE team = subscription.parameter('team')}
  broken: {auto_subscribe: true, query: SELECT * FROM t WHERE team IN auth.user_id()}
  other: {query: SELECT * FROM t}
event_definitions:
  e: {payloads: [SELECT id FROM t]}
`)
	got, err := program.Preview(&Request{
		Claims: json.RawMessage(`{"sub":"o'hara"}`),
		Subscriptions: []Subscription{
			{Stream: "team", Parameters: json.RawMessage(`{"team":1}`)},
			{Stream: "team", Parameters: json.RawMessage(`{"team":1.0}`)},
			{Stream: "mine"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Preview{
		{
			Definition: "mine", Subscribed: true, Buckets: []string{`mine|0["o'hara"]`},
			Lookups: []string{`mine|1[<lists.row_id>] for each row of public.lists where row_owner = 'o''hara'`},
		},
		{Definition: "chain", Subscribed: true, Lookups: []string{
			`chain|0[<b.row_id>] for each row of public.a where row_owner = 'o''hara' and row of public.b where row_a = a.row_id`,
		}},
		{Definition: "nobody", Subscribed: true},
		{Definition: "team", Subscribed: true, Buckets: []string{"team|0[1]"}},
		{Definition: "broken", Subscribed: true, Errors: []string{"evaluate bucket parameters: bad JSON: value expected at byte 0"}},
		{Definition: "other"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := program.Preview(&Request{Claims: json.RawMessage(`[`)}); err == nil {
		t.Error("claims that are no JSON: got no error")
	}
}
