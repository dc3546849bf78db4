package syncclient_test

import (
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/syncclient"
)

// Nothing happens on a WebSocket but keep-alives until something changes: the client must not take that for the end of the server, as it
// does over HTTP.
func TestIdleClients(t *testing.T) {
	const silence = time.Second
	for name, transport := range map[string]syncclient.Transport{"http": syncclient.HTTP, "websocket": syncclient.WebSocket} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := clientstest.NewStore(t)
			lists := store.Table("lists", "id", "owner", "name")
			store.Commit(lists.Insert("a", "u1", "one"))
			store.Deploy(rules)
			srv := store.Serve(t, nil)
			opts := syncclient.Options{Endpoint: srv.URL, Token: syncclient.StaticToken(clientstest.Token(t, "u1")), Transport: transport}
			c := start(t, opts.WithSilence(silence))
			c.expect(`lists a  -> {"id":"a","name":"one"}`)
			if transport == syncclient.HTTP {
				if err := <-c.errs; !strings.Contains(err.Error(), "silent") {
					t.Errorf("the stream ended with %v", err)
				}
				return
			}
			select {
			case err := <-c.errs:
				t.Fatalf("the idle stream ended: %v", err)
			case <-time.After(3 * silence):
			}
			store.Commit(lists.Insert("b", "u1", "two"))
			c.expect(`lists b  -> {"id":"b","name":"two"}`)
			if got := c.Stats().Connections; got != 1 {
				t.Errorf("%d connections", got)
			}
		})
	}
}
