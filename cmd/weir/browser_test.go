package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/clients/interop"
	"github.com/weirsync/weir/replicator/pgtest"
)

// newBackend is an app's own server: it writes what SDKs upload into Postgres, with a mark that tells its rows from local ones.
func newBackend(t *testing.T, db *pgtest.Database) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "content-type")
		if r.Method == http.MethodOptions {
			return
		}
		var ops []struct {
			Op, Table, ID string
			Data          struct{ Owner, Name string }
		}
		if err := json.NewDecoder(r.Body).Decode(&ops); err != nil {
			t.Errorf("upload: %v", err)
		}
		for _, op := range ops {
			if op.Op != "PUT" || op.Table != "lists" {
				t.Errorf("upload of %+v", op)
				continue
			}
			db.Exec(`INSERT INTO lists VALUES ($1, $2, $3)`, op.ID, op.Data.Owner, op.Data.Name+", stored")
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// The stock SDK for the web on a page of another origin, against Postgres and a weir process: rows come, a local write goes to Postgres
// through the app's backend and comes back, and in the end the page holds what the rules' SQL gives.
func TestInteropBrowserFollowsPostgres(t *testing.T) {
	for _, method := range []string{"http", "ws"} {
		t.Run(method, func(t *testing.T) {
			db, p := startLists(t)
			c := interop.Start(t, interop.Options{
				Endpoint: p.endpoint, Token: p.token("u1"), Method: method, Dir: t.TempDir(), Browser: true,
				Tables: map[string][]string{"lists": {"owner", "name"}}, Backend: newBackend(t, db),
			})
			names := func(what string, want ...string) interop.State {
				t.Helper()
				return c.Wait(what, func(s interop.State) bool { return s.Synced && equalNames(s, want) })
			}
			names("first sync", "one")
			db.Exec(`INSERT INTO lists (owner, name) VALUES ('u1', 'two')`)
			names("insert", "one", "two")
			db.Exec(`UPDATE lists SET name = 'eins' WHERE name = 'one'`)
			names("update", "eins", "two")
			c.Insert("lists", map[string]string{"id": "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "owner": "u1", "name": "local"})
			names("local write", "eins", "two", "local")
			last := names("the write, back from Postgres", "eins", "two", "local, stored")

			var got [][]string
			for _, row := range db.Query(`SELECT id::text FROM lists WHERE owner = 'u1' ORDER BY id`) {
				list := last.Tables["lists"][row[0]]
				owner, _ := list["owner"].(string)
				name, _ := list["name"].(string)
				got = append(got, []string{row[0], owner, name})
			}
			want := db.Query(`SELECT id::text, owner, name FROM lists WHERE owner = 'u1' ORDER BY id`)
			if diff := cmp.Diff(want, got); diff != "" || len(last.Tables["lists"]) != len(want) {
				t.Errorf("page (-Postgres +page):\n%s", diff)
			}
			c.Stop()
			p.stop()
		})
	}
}
