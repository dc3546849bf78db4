package main

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestDeployLeavesCommitsFlowing: while a deploy reads a large table, commits reach clients of the active version one by one, and as fast as
// before (the latencies are logged, not judged; TestCommitPassesAChunk of package buckets forces the order).
func TestDeployLeavesCommitsFlowing(t *testing.T) {
	const flowMin, rows = 5, 100000
	isolate(t)
	db := pgtest.New(t)
	db.Exec(tenSchema() + `; CREATE TABLE large (id int PRIMARY KEY, owner text, body text);
		INSERT INTO large SELECT i, 'u1', repeat('row ', 50) || i FROM generate_series(1, ` + strconv.Itoa(rows) + `) i; ANALYZE`)
	p := newProcess(t, db, tenRules(1))
	p.start()
	applied := make(chan struct{}, 1)
	u := p.connect("u0", func(*syncclient.Client) string {
		select {
		case applied <- struct{}{}:
		default:
		}
		return ""
	})
	eventually(t, "first rows", u.has("t0", 20))
	id := 1000
	flow := func() time.Duration {
		id++
		key := strconv.Itoa(id)
		began := time.Now()
		db.Exec(fmt.Sprintf(`INSERT INTO t0 VALUES (%s, 'u0', 'a commit')`, key))
		for deadline := time.After(time.Minute); ; {
			if slices.ContainsFunc(u.Rows("t0"), func(r syncclient.Row) bool { return r.ID == key }) {
				return time.Since(began)
			}
			select {
			case <-applied:
			case <-deadline:
				t.Fatalf("a commit does not reach the client while version %+v is deploying", p.status().Deploying)
			}
		}
	}
	var before, during []time.Duration
	for range 50 {
		before = append(before, flow())
	}
	p.deploy(tenRules(1) + "  large:\n    data: [\"SELECT * FROM large\"]\n")
	for {
		took := flow()
		s := p.status()
		if s.Deploying == nil {
			break
		}
		if s.Deploying.Rows > 0 { // it is being read, and was not yet done when the commit had arrived
			during = append(during, took)
		}
	}
	t.Logf("commit to client: %s before the deploy, %s while it reads", quantiles(before), quantiles(during))
	if len(during) < flowMin {
		t.Errorf("%d commits reached the client while the deploy was reading, want %d at least", len(during), flowMin)
	}
	eventually(t, "the new rows", u.has("large", rows))
	p.stop()
}

// quantiles shows the median and the 99th percentile.
func quantiles(took []time.Duration) string {
	if len(took) == 0 {
		return "none"
	}
	slices.Sort(took)
	return fmt.Sprintf("p50 %v, p99 %v (n=%d)", took[len(took)/2], took[len(took)*99/100], len(took))
}
