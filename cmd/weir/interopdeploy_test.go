package main

import (
	"fmt"
	"testing"

	"github.com/weirsync/weir/clients/interop"
	"github.com/weirsync/weir/replicator/pgtest"
)

// Deploys and a rollback below a stock SDK that stays connected: each of its states is one of a version, never empty or mixed (I10), and a
// definition that comes or goes leaves the others' rows alone.
func TestInteropStockSDKThroughDeploys(t *testing.T) {
	for _, method := range []string{"http", "ws"} {
		t.Run(method, func(t *testing.T) {
			isolate(t)
			db := pgtest.New(t)
			db.Exec(tenSchema())
			p := newProcess(t, db, fmt.Sprintf(oldAndNew, "old"))
			p.start()
			c := interop.Start(t, interop.Options{
				Endpoint: p.endpoint, Token: p.token("u0"), Method: method, Dir: t.TempDir(),
				Tables: map[string][]string{"t0": {"look"}, "t1": {"body"}, "t2": {"body"}},
			})
			synced := false
			sees := func(what, look string, rows, more int) {
				t.Helper()
				c.Wait(what, func(s interop.State) bool {
					if !s.Synced || !synced && len(s.Tables["t0"]) == 0 { // the status may be told before the first rows
						return false
					}
					synced = true
					if !s.Connected {
						t.Errorf("%s: the connection was lost: %s", what, s.Error)
					}
					looks := map[any]int{}
					for _, row := range s.Tables["t0"] {
						looks[row["look"]]++
					}
					if len(looks) != 1 || len(s.Tables["t1"]) != 40 {
						t.Errorf("%s: looks of the rows of t0 %v, want one; %d rows of t1, want 40", what, looks, len(s.Tables["t1"]))
					}
					return looks[look] == rows && len(s.Tables["t2"]) == more
				})
			}
			sees("first sync", "old", 40, 0)
			p.deploy(fmt.Sprintf(oldAndNew, "new"), "--wait")
			sees("changed definition", "new", 40, 0)
			db.Exec(`INSERT INTO t0 VALUES (1000, 'u0', 'after the deploy')`)
			sees("row after the deploy", "new", 41, 0)
			p.deploy(fmt.Sprintf(oldAndNew, "new")+"  added:\n    data: [SELECT * FROM t2]\n", "--wait")
			sees("added definition", "new", 41, 40)
			p.must("rules", "rollback", "1")
			sees("rollback", "old", 41, 0)
			c.Stop()
			p.stop()
		})
	}
}
