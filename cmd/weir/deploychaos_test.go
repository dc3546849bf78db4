package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/replicator/pgtest"
)

var (
	deploySeed  = flag.Int64("deploy.seed", 0, "seed of TestDeployChaos, 0 for a new one")
	deployCount = flag.Int("deploy.count", 8, "how many deploys and rollbacks TestDeployChaos makes")
)

// chaosVariants are what the definition over items can be, and the rows that it gives a user, as SQL. Accounts and registers are there always, so
// that watchers can check every checkpoint.
var chaosVariants = []struct{ rule, truth string }{
	{"SELECT tenant || '-' || no AS id, * FROM items WHERE owner = bucket.owner", killTruth["items"]},
	{"SELECT tenant || '-' || no AS id, no, owner FROM items WHERE owner = bucket.owner", `
			SELECT json_build_object('id', tenant || '-' || no, 'no', no, 'owner', owner) FROM items WHERE owner = $1`},
}

// chaosRules makes a text of what each table has: a number of its variants, or -1 for no definition.
func chaosRules(pick map[string]int) string {
	var b strings.Builder
	b.WriteString("bucket_definitions:\n  bank:\n    data:\n      - SELECT id, owner, balance FROM accounts\n      - SELECT id, n FROM registers\n")
	if n := pick["items"]; n >= 0 {
		b.WriteString("  mine:\n    parameters: SELECT request.user_id() AS owner\n    data:\n      - " + chaosVariants[n].rule + "\n")
	}
	if pick["notes"] >= 0 {
		b.WriteString("  lists:\n    parameters: SELECT list FROM members WHERE user_id = request.user_id()\n    data:\n")
		b.WriteString("      - SELECT * FROM notes WHERE list = bucket.list\n")
	}
	return b.String()
}

// TestDeployChaos deploys and rolls back at random while writers change everything and kill -9 hits weir. Clients see money conserved at every
// checkpoint, and in the end each equals the SQL of the active version (I15), and the store holds nothing that no live version uses.
func TestDeployChaos(t *testing.T) {
	isolate(t)
	seed := *deploySeed
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	t.Logf("-deploy.seed=%d", seed)
	r := rand.New(rand.NewSource(seed))
	db := pgtest.New(t)
	db.Exec(killSchema)
	texts := map[uint32]map[string]int{}
	pick := map[string]int{"items": 0, "notes": 0}
	p := newProcess(t, db, chaosRules(pick))
	p.env = []string{"WEIR_RULES_KEEP_RETIRED=2s"}
	if r.Intn(2) == 0 {
		p.env = append(p.env, "WEIR_STORE_ROW_IMAGES=all")
	}
	p.start()
	p.awaitActive(1)
	texts[1] = maps.Clone(pick)
	watchers := startWatchers(t, p)
	stop := chaosWriters(t, db, seed)
	for i := range *deployCount {
		p.chaosStep(r, texts)
		if i%2 == 1 {
			time.Sleep(time.Duration(r.Intn(300)) * time.Millisecond) // any moment will do
			p.kill()
			p.start()
		}
		watchers.more(t)
	}
	stop()
	eventually(t, "no version deploys", func() bool {
		s, ok := p.tryStatus()
		return ok && s.Active != nil && s.Deploying == nil
	})
	db.Exec(`INSERT INTO accounts VALUES (99, 'end', 0)`)
	watchers.until(t, func(c *syncclient.Client) bool {
		return slices.ContainsFunc(c.Rows("accounts"), func(r syncclient.Row) bool { return r.ID == "99" })
	})
	chaosCheck(t, db, watchers, texts[p.status().Active.ID])
	watchers.stop(t)
	eventually(t, "replaced versions are removed", func() bool {
		return !slices.ContainsFunc(p.history(), func(v admin.Version) bool { return v.State == "retiring" })
	})
	p.stopReclaimed()
}

// stopReclaimed stops weir when the store has nothing more that no live version uses: weir check says what it has.
func (p *process) stopReclaimed() {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		p.stop()
		_, out, _ := runCommand(p.t, "", "check", filepath.Join(p.dir, "weir.db"))
		if !strings.Contains(out, "being deleted") {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("what no live version uses is not reclaimed:\n%s", out)
		}
		p.start()
		eventually(p.t, "weir answers", func() bool { _, ok := p.tryStatus(); return ok })
	}
}

// chaosStep deploys a random text, rolls back or cancels. A kill can come in between, and a version can be gone: then it is refused.
func (p *process) chaosStep(r *rand.Rand, texts map[uint32]map[string]int) {
	p.t.Helper()
	eventually(p.t, "weir answers", func() bool { _, ok := p.tryStatus(); return ok })
	switch r.Intn(5) {
	case 0:
		p.try("rules", "rollback")
	case 1:
		p.try("rules", "cancel")
	default:
		pick := map[string]int{"items": r.Intn(3) - 1, "notes": r.Intn(2) - 1}
		p.try("rules", "deploy", p.write(chaosRules(pick)))
	}
	for _, v := range p.history() { // a rollback to a removed version makes a new one
		if texts[v.ID] == nil {
			texts[v.ID] = p.pickOf(v.ID)
		}
	}
}

// pickOf finds what a version's text was made of.
func (p *process) pickOf(id uint32) map[string]int {
	p.t.Helper()
	text := p.must("rules", "show", fmt.Sprint(id))
	for items := -1; items < len(chaosVariants); items++ {
		for notes := -1; notes < 1; notes++ {
			pick := map[string]int{"items": items, "notes": notes}
			if strings.TrimSpace(chaosRules(pick)) == strings.TrimSpace(text) {
				return pick
			}
		}
	}
	p.t.Fatalf("version %d has an unknown text:\n%s", id, text)
	return nil
}

// chaosWriters change rows until stop.
func chaosWriters(t *testing.T, db *pgtest.Database, seed int64) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for i := range 2 {
		conn := db.Connect(t)
		writers.Go(func() { write(ctx, t, conn, rand.New(rand.NewSource(seed+int64(i))), i) })
	}
	return func() {
		cancel()
		writers.Wait()
	}
}

// chaosCheck compares every client with the SQL of what is active.
func chaosCheck(t *testing.T, db *pgtest.Database, ws *watchers, pick map[string]int) {
	t.Helper()
	truths := map[string]string{"accounts": killTruth["accounts"], "items": noRows, "notes": noRows}
	if n := pick["items"]; n >= 0 {
		truths["items"] = chaosVariants[n].truth
	}
	if pick["notes"] >= 0 {
		truths["notes"] = killTruth["notes"]
	}
	for _, w := range ws.list {
		for table, sql := range truths {
			if d := cmp.Diff(truth(db, sql, w.user), clientRows(t, w.client, table)); d != "" {
				t.Errorf("%s over transport %d, table %s, active %v (-SQL +client):\n%s", w.user, w.transport, table, pick, d)
			}
		}
	}
}

const noRows = `SELECT '{}' WHERE $1 = ''`
