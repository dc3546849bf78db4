package main

import (
	"testing"

	"github.com/weirsync/weir/clients/interop"
	"github.com/weirsync/weir/replicator/pgtest"
)

// startLists starts weir on a database in which each user has lists of their own; u1 has one.
func startLists(t *testing.T) (*pgtest.Database, *process) {
	t.Helper()
	db := pgtest.New(t)
	db.Exec(`CREATE TABLE lists (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), owner text NOT NULL, name text)`)
	db.Exec(`INSERT INTO lists (owner, name) VALUES ('u1', 'one'), ('u2', 'not mine')`)
	p := newProcess(t, db, `
bucket_definitions:
  mine:
    parameters: SELECT request.user_id() AS owner
    data:
      - SELECT id, owner, name FROM lists WHERE owner = bucket.owner
`)
	p.start()
	return db, p
}

// The stock SDK against Postgres and a weir process: what a user's app sees. What it does of the protocol in detail is tested in
// clients/interop.
func TestInteropStockSDKFollowsPostgres(t *testing.T) {
	for _, method := range []string{"http", "ws"} {
		t.Run(method, func(t *testing.T) {
			db, p := startLists(t)
			c := interop.Start(t, interop.Options{
				Endpoint: p.endpoint, Token: p.token("u1"), Method: method, Dir: t.TempDir(),
				Tables: map[string][]string{"lists": {"owner", "name"}},
			})
			names := func(what string, want ...string) {
				t.Helper()
				c.Wait(what, func(s interop.State) bool { return s.Synced && equalNames(s, want) })
			}
			names("first sync", "one")
			db.Exec(`INSERT INTO lists (owner, name) VALUES ('u1', 'two')`)
			names("insert", "one", "two")
			db.Exec(`UPDATE lists SET name = 'zwei' WHERE name = 'two'`)
			names("update", "one", "zwei")
			db.Exec(`DELETE FROM lists WHERE name = 'one'`)
			names("delete", "zwei")

			c.Insert("lists", map[string]string{"id": "local", "owner": "u1", "name": "refused"})
			names("local write", "zwei", "refused")
			names("acknowledged write checkpoint", "zwei")

			p.stop()
			db.Exec(`INSERT INTO lists (owner, name) VALUES ('u1', 'while weir was down')`)
			p.start()
			names("what happened during a restart", "zwei", "while weir was down")
			c.Stop()
			p.stop()
		})
	}
}

// equalNames tells whether the lists in s have just these names.
func equalNames(s interop.State, want []string) bool {
	left := map[string]int{}
	for _, name := range want {
		left[name]++
	}
	for _, row := range s.Tables["lists"] {
		name, _ := row["name"].(string)
		left[name]--
	}
	for _, n := range left {
		if n != 0 {
			return false
		}
	}
	return true
}
