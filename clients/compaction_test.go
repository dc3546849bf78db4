package clients_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/syncclient"
)

// Clients stop at random positions of a random history. After a compaction each of them, and a fresh one, gets to the same rows, with
// every checksum right.
func TestPoint35_CompactionIsInvisible(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 2))
	store := clientstest.NewStore(t)
	members, items := store.Table("members", "id", "person", "grp"), store.Table("items", "id", "grp", "name")
	store.Deploy(definitions + byMembership)
	w := &world{Store: store, srv: store.Serve(t, nil)}
	m := &model{members: map[string][2]string{}, items: map[string][2]string{}}
	var stopped []*restarting
	for i := range 60 {
		var changes []clientstest.Change
		for range 1 + rng.IntN(20) {
			changes = append(changes, m.step(rng, members, items))
		}
		w.Commit(changes...)
		switch i % 6 {
		case 0:
			c := w.restarting(t, user(len(stopped)), syncclient.Transport(len(stopped)%3))
			c.waitFor(m.rows(user(len(stopped))))
			c.stop()
			stopped = append(stopped, c)
		case 5:
			if _, err := store.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	stats, err := store.Compact(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if stats = store.CompactStats(); stats.Moved+stats.Dropped == 0 {
		t.Errorf("nothing was compacted: %+v", stats)
	}
	for i, c := range stopped {
		c.start()
		c.waitFor(m.rows(user(i)))
	}
	for i := range 3 {
		w.follow(t, user(i), syncclient.HTTP).waitFor(m.rows(user(i)))
	}
}

// A round's rows are superseded and compacted while it is under way: it is given up without a complete line, and the next one brings
// everything.
func TestPoint36_CompactedRoundIsNotCompleted(t *testing.T) {
	w := newWorld(t, definitions+mine)
	var changes []clientstest.Change
	for i := range 4 { // a page each
		changes = append(changes, w.lists.Insert(fmt.Sprint(i), "u1", strings.Repeat("x", 1<<20)))
	}
	w.Commit(changes...)
	c := dialRSocket(t, w.srv)
	c.send(setupFrame(t, "u1"), requestFrame(1, 2, `{}`))
	first := c.line().Checkpoint
	c.line()
	w.Commit(w.lists.Update("3", "u1", "y"))
	if _, err := w.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.send(moreFrame(1, 100))
	var kinds []string
	for {
		line := c.line()
		if what := describe(line); len(kinds) == 0 || what != kinds[len(kinds)-1] {
			kinds = append(kinds, what)
		}
		if line.Complete == nil {
			continue
		}
		if *line.Complete == first.LastOp {
			t.Errorf("the round is completed, but lacks row 3: %q", kinds)
		}
		break
	}
	if got, want := strings.Join(kinds, " "), `data(mine["u1"]) diff data(mine["u1"]) complete`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
