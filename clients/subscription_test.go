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
