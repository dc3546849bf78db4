package interop_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/interop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const rules = `
bucket_definitions:
  mine:
    parameters: SELECT request.user_id() AS owner
    data:
      - SELECT id, owner, name FROM lists WHERE owner = bucket.owner
  news:
    priority: 0
    data:
      - SELECT id, name FROM news
`

var tables = map[string][]string{"lists": {"owner", "name"}, "news": {"name"}}

// name is the name of a list in s, "" if there is no such list.
func name(s interop.State, id string) string {
	text, _ := s.Tables["lists"][id]["name"].(string)
	return text
}

// The stock SDK syncs, sees changes arrive, gets writes acknowledged, survives a restart of the server without downloading again, and
// follows a deploy.
func TestPoint52_58_60_62_InteropStockSDK(t *testing.T) {
	for _, method := range []string{"http", "ws"} {
		for _, mode := range []string{"legacy", "requests"} {
			t.Run(method+" "+mode, func(t *testing.T) { testStockSDK(t, method, mode) })
		}
	}
}

func testStockSDK(t *testing.T, method, mode string) {
	store := clientstest.NewStore(t)
	lists, news := store.Table("lists", "id", "owner", "name"), store.Table("news", "id", "name")
	const bulk = 500
	changes := []clientstest.Change{lists.Insert("a", "u1", "one"), lists.Insert("b", "u2", "not u1's"), news.Insert("n", "hear")}
	for i := range bulk {
		changes = append(changes, lists.Insert(fmt.Sprint("bulk", i), "u1", noise(500)))
	}
	store.Commit(changes...)
	store.Deploy(rules)
	srv := store.Serve(t, nil)
	front := newProxy(t, srv.URL)
	c := interop.Start(t, interop.Options{
		Endpoint: front.url, Token: clientstest.Token(t, "u1"), Method: method, Dir: t.TempDir(), Tables: tables, CheckpointMode: mode,
	})
	c.Wait("first sync", func(s interop.State) bool {
		return s.Synced && len(s.Tables["lists"]) == bulk+1 && name(s, "a") == "one" && len(s.Tables["news"]) == 1
	})

	store.Commit(lists.Insert("c", "u1", "three"))
	c.Wait("insert", func(s interop.State) bool { return name(s, "c") == "three" })
	store.Commit(lists.Update("c", "u1", "drei"))
	c.Wait("update", func(s interop.State) bool { return name(s, "c") == "drei" })
	store.Commit(lists.Delete("c"))
	c.Wait("delete", func(s interop.State) bool { return s.Tables["lists"]["c"] == nil })

	c.Insert("lists", map[string]string{"id": "local", "owner": "u1", "name": "refused"})
	c.Wait("local write", func(s interop.State) bool { return name(s, "local") == "refused" })
	c.Wait("acknowledged write checkpoint", func(s interop.State) bool { return s.Tables["lists"]["local"] == nil })

	before := front.sent.Load()
	srv.Close(t)
	c.Wait("lost connection", func(s interop.State) bool { return !s.Connected })
	store.Reopen()
	store.Commit(lists.Insert("d", "u1", "after the restart"))
	srv = store.Serve(t, nil)
	front.point(srv.URL)
	c.Wait("change after the restart", func(s interop.State) bool { return name(s, "d") != "" })
	if sent := front.sent.Load() - before; sent > bulk*500/10 {
		t.Errorf("%d bytes were sent for one row after the restart", sent)
	}

	store.Deploy(`
bucket_definitions:
  renamed:
    parameters: SELECT request.user_id() AS owner
    data:
      - SELECT id, owner, upper(name) AS name FROM lists WHERE owner = bucket.owner
`)
	c.Wait("new rules, and nothing missing on the way", func(s interop.State) bool {
		if len(s.Tables["lists"]) != bulk+2 {
			t.Fatalf("%d lists during the switch of rules", len(s.Tables["lists"]))
		}
		return name(s, "a") == "ONE" && len(s.Tables["news"]) == 0
	})
	c.Stop()
}

// noise is text that does not compress.
func noise(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))]
	}
	return string(b)
}
