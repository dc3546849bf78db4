package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
)

// TestRulesFileAtStart: a restart undoes neither a rollback nor a deploy through the API, an edited file counts, and one that can't be deployed
// leaves the active version alone.
func TestRulesFileAtStart(t *testing.T) {
	isolate(t)
	db := pgtest.New(t)
	db.Exec(tenSchema())
	p := newProcess(t, db, tenRules(1))
	edit := func(rules string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(p.dir, "rules.yaml"), []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	restart := func(active uint32) {
		t.Helper()
		p.stop()
		p.start()
		p.awaitActive(active)
	}
	p.start()
	p.awaitActive(1)
	p.deploy(tenRules(3), "--wait")
	restart(2) // through the API
	edit(tenRules(2))
	restart(3) // edited
	p.must("rules", "rollback", "2")
	restart(2) // rolled back
	edit("# the same meaning\n" + tenRules(2))
	restart(2)
	edit("bucket_definitions:\n  a:\n    data: [SELECT * FROM nowhere]\n")
	restart(2)
	eventually(t, "version 4 is refused", func() bool { s := p.status(); return s.Failed != nil && s.Failed.ID == 4 && s.Active.ID == 2 })
	edit("bucket_definitions:\n  a:\n    data: [SELECT nonsense]\n")
	restart(2)
	eventually(t, "version 5 does not compile", func() bool {
		s := p.status()
		return s.Failed != nil && s.Failed.ID == 5 && strings.HasPrefix(s.Failed.Reason, "line 3, column 12: ") && s.Active.ID == 2
	})
	edit(tenRules(2))
	restart(2)
	p.stop()
}

// TestDeployFailsLater: a table that goes before its turn makes the deploying version fail; the active one stays.
func TestDeployFailsLater(t *testing.T) {
	isolate(t)
	db := pgtest.New(t)
	db.Exec(tenSchema())
	p := newProcess(t, db, tenRules(1))
	p.start()
	p.awaitActive(1)
	lock := db.Connect(t)
	if _, err := lock.Exec(t.Context(), `BEGIN; LOCK TABLE t1 IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	p.deploy(tenRules(2))
	if s := p.status(); s.Deploying == nil {
		t.Fatalf("not deploying: %+v", s)
	}
	if _, err := lock.Exec(t.Context(), `ALTER TABLE t1 REPLICA IDENTITY NOTHING; COMMIT`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the version has failed", func() bool { return p.status().Deploying == nil })
	s := p.status()
	if s.Active.ID != 1 || s.Failed == nil || s.Failed.ID != 2 || s.Failed.Reason == "" {
		t.Errorf("got %+v, want version 1 active and 2 failed with a reason", s)
	}
	p.stop()
}
