package clients_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirsync/weir/clients/wire"
)

const streams = `
config:
  edition: 3
streams:
  everyone:
    auto_subscribe: true
    query: SELECT id, name FROM news
  owned:
    query: SELECT id, name FROM lists WHERE owner = subscription.parameter('owner')
`

// subscribed returns the first checkpoint for a request's streams member.
func subscribed(t *testing.T, w *world, member string) *wire.Checkpoint {
	t.Helper()
	q := w.request(t, "u1")
	q.body = `{"raw_data":true,"streams":` + member + `}`
	return q.open(t).checkpoint()
}

func names(c *wire.Checkpoint) []string {
	var out []string
	for _, s := range c.Streams {
		out = append(out, s.Name)
	}
	return out
}

func TestPoint37_WithoutDefaults(t *testing.T) {
	w := newWorld(t, streams)
	c := subscribed(t, w, `{"include_defaults":false,"subscriptions":[]}`)
	if len(c.Buckets)+len(c.Streams) > 0 {
		t.Errorf("checkpoint %+v", c)
	}
	if got := names(subscribed(t, w, `{"subscriptions":[]}`)); len(got) != 1 || got[0] != "everyone" {
		t.Errorf("default streams %q", got)
	}
}

func TestPoint38_UnknownStream(t *testing.T) {
	w := newWorld(t, streams)
	c := subscribed(t, w, `{"subscriptions":[{"stream":"nothing","parameters":null,"override_priority":null}]}`)
	if diff := cmp.Diff([]string{"everyone"}, names(c)); diff != "" {
		t.Errorf("streams (-want +got):\n%s", diff)
	}
}

func TestPoint39_And40_ReasonsAndPriority(t *testing.T) {
	w := newWorld(t, streams)
	c := subscribed(t, w, `{"include_defaults":false,"subscriptions":[
		{"stream":"owned","parameters":{"owner":"a"},"override_priority":2},
		{"stream":"owned","parameters":{"owner":"a"},"override_priority":1},
		{"stream":"owned","parameters":{"owner":"b"},"override_priority":null}]}`)
	byPriority := map[int][]wire.Reason{}
	for _, b := range c.Buckets {
		byPriority[b.Priority] = b.Reasons
	}
	want := map[int][]wire.Reason{1: {{Index: 0}, {Index: 1}}, 3: {{Index: 2}}}
	if diff := cmp.Diff(want, byPriority, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("reasons by priority (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"owned"}, names(c)); diff != "" {
		t.Errorf("streams (-want +got):\n%s", diff)
	}
}

func TestPoint41_FailingSubscription(t *testing.T) {
	w := newWorld(t, `
config:
  edition: 3
streams:
  tagged:
    query: SELECT id, name FROM lists WHERE owner = json_extract(subscription.parameter('tags'), '$.owner')
`)
	w.Commit(w.lists.Insert("a", "u1", "x"))
	q := w.request(t, "u1")
	q.body = `{"raw_data":true,"streams":{"subscriptions":[
		{"stream":"tagged","parameters":{"tags":"{"},"override_priority":null},
		{"stream":"tagged","parameters":{"tags":"{\"owner\":\"u1\"}"},"override_priority":null}]}}`
	s := q.open(t)
	c := s.checkpoint()
	if len(c.Streams) != 1 || len(c.Streams[0].Errors) != 1 || c.Streams[0].Errors[0].Subscription != 0 || c.Streams[0].Errors[0].Message == "" {
		t.Errorf("streams %+v, want an error of subscription 0", c.Streams)
	}
	if len(c.Buckets) != 1 || len(c.Buckets[0].Reasons) != 1 || c.Buckets[0].Reasons[0].Index != 1 {
		t.Errorf("buckets %+v, want that of subscription 1", c.Buckets)
	}
	if p := s.page(); len(p.Ops) != 1 || string(p.Ops[0].ObjectID) != "a" {
		t.Errorf("page %+v", p)
	}
	s.complete(c.LastOp)
}
