package clients_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/syncclient"
)

// follower is a client that verifies every line.
type follower struct {
	*syncclient.Client
	tb      testing.TB
	applied chan syncclient.Applied
}

// follow runs a client until the test ends. An error of its stream fails the test.
func follow(tb testing.TB, opts syncclient.Options) *follower {
	tb.Helper()
	f := &follower{tb: tb, applied: make(chan syncclient.Applied, 10000)}
	transport := &http.Transport{}
	opts.HTTPClient = &http.Client{Transport: transport}
	opts.OnApply = func(a syncclient.Applied) { f.applied <- a }
	opts.OnError = func(err error) { tb.Errorf("client: %v", err) }
	f.Client = syncclient.New(opts)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = f.Run(ctx) })
	tb.Cleanup(func() {
		cancel()
		running.Wait()
		transport.CloseIdleConnections()
	})
	return f
}

func (w *world) follow(t testing.TB, user string, transport syncclient.Transport) *follower {
	t.Helper()
	return follow(t, syncclient.Options{
		Endpoint: w.srv.URL, Token: syncclient.StaticToken(clientstest.Token(t, user)), Transport: transport, RetryDelay: time.Millisecond,
	})
}

// changes waits for the next applied checkpoint and returns its changes, as "id:+", "id:-" or "id:~".
func (f *follower) changes() string {
	f.tb.Helper()
	select {
	case a := <-f.applied:
		var out []string
		for _, ch := range a.Changes {
			kind := "~"
			if ch.Old == nil {
				kind = "+"
			} else if ch.New == nil {
				kind = "-"
			}
			out = append(out, ch.ID+":"+kind)
		}
		return strings.Join(out, " ")
	case <-time.After(patience):
		f.tb.Fatal("no checkpoint in time")
	}
	return ""
}

func TestPoint33_MovingRowNeverDisappears(t *testing.T) {
	store := clientstest.NewStore(t)
	members, items := store.Table("members", "id", "person", "grp"), store.Table("items", "id", "grp", "name")
	store.Deploy(definitions + byMembership)
	w := &world{Store: store, srv: store.Serve(t, nil)}
	w.Commit(members.Insert("m1", "u1", "g1"), members.Insert("m2", "u1", "g2"), items.Insert("i", "g1", "x"))
	f := w.follow(t, "u1", syncclient.HTTP)
	if got := f.changes(); got != "i:+" {
		t.Errorf("first: %s", got)
	}
	w.Commit(items.Update("i", "g2", "x"))
	if got := f.changes(); got != "" { // applied, and the row is what it was
		t.Errorf("after the move: %s", got)
	}
	w.Commit(items.Update("i", "g2", "y"))
	if got := f.changes(); got != "i:~" {
		t.Errorf("after an update: %s", got)
	}
}

func TestPoint34_RowInTwoBuckets(t *testing.T) {
	w := newWorld(t, definitions+mine+`
  shared:
    data:
      - SELECT id, name FROM lists WHERE name = 'shared'
`)
	w.Commit(w.lists.Insert("a", "u1", "shared"))
	f := w.follow(t, "u1", syncclient.WebSocket)
	if got := f.changes(); got != "a:+" {
		t.Errorf("first: %s", got)
	}
	w.Commit(w.lists.Update("a", "u2", "shared"))
	if got := f.changes(); got != "" {
		t.Errorf("left one bucket: %s", got)
	}
	w.Commit(w.lists.Update("a", "u2", "private"))
	if got := f.changes(); got != "a:-" {
		t.Errorf("left both: %s", got)
	}
}

// A deploy reaches connected clients on their connection, as one change, without a moment in which anything is missing. Buckets of the
// definition that did not change are not sent again.
func TestPoint58_DeployWhileConnected(t *testing.T) {
	for name, transport := range map[string]syncclient.Transport{"http": syncclient.HTTP, "websocket": syncclient.WebSocket} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, definitions+mine+news)
			w.Commit(w.lists.Insert("a", "u1", "x"), w.news.Insert("n", "x"))
			f := w.follow(t, "u1", transport)
			for f.changes() != "a:+" { // after the partial completion of the news
			}
			w.Deploy(definitions + strings.Replace(mine, "id, name", "id, name, owner", 1) + news)
			if got := f.changes(); got != "a:~" {
				t.Errorf("after the deploy: %q", got)
			}
			if got := string(f.Rows("lists")[0].Data); got != `{"id":"a","name":"x","owner":"u1"}` {
				t.Errorf("row %s", got)
			}
			if s := f.Stats(); s.Connections != 1 || s.Ops != 3 {
				t.Errorf("stats %+v: want one connection, and only the changed definition's row again", s)
			}
			w.Commit(w.lists.Insert("b", "u1", "x"))
			if got := f.changes(); got != "b:+" {
				t.Errorf("after the deploy, a change: %q", got)
			}
		})
	}
}

// seed returns a random seed, or that of WEIR_TEST_SEED.
func seed(t testing.TB) uint64 {
	t.Helper()
	n := rand.Uint64()
	if text := os.Getenv("WEIR_TEST_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("WEIR_TEST_SEED=%d", n)
	return n
}

// Clients of every transport follow a random history, some of them coming and going, and hold at the end what the rules say. They
// verify each checksum of each checkpoint.
func TestRandomHistory(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	store := clientstest.NewStore(t)
	members, items := store.Table("members", "id", "person", "grp"), store.Table("items", "id", "grp", "name")
	store.Deploy(definitions + byMembership)
	w := &world{Store: store, srv: store.Serve(t, nil)}
	m := &model{members: map[string][2]string{}, items: map[string][2]string{}}
	var followers []*follower
	for i, transport := range []syncclient.Transport{syncclient.HTTP, syncclient.HTTPLines, syncclient.WebSocket, syncclient.WebSocket} {
		followers = append(followers, w.follow(t, user(i), transport))
	}
	for range 150 {
		var changes []clientstest.Change
		for range 1 + rng.IntN(20) {
			changes = append(changes, m.step(rng, members, items))
		}
		w.Commit(changes...)
	}
	w.Commit(items.Insert("end", "nowhere", "x"))
	for i, f := range followers {
		f.waitFor(m.rows(user(i)))
	}
	// Clients that come now get the same at once.
	for i := range followers {
		w.follow(t, user(i), syncclient.HTTP).waitFor(m.rows(user(i)))
	}
}

// Deploys, reconnects and compactions at random moments of a random history: clients verify each checksum of each checkpoint, and hold at
// the end what the last rules say.
func TestRandomHistoryWithDeploysAndReconnects(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 1))
	store := clientstest.NewStore(t)
	members, items := store.Table("members", "id", "person", "grp"), store.Table("items", "id", "grp", "name")
	versions := []string{byMembership, strings.Replace(byMembership, "id, name", "name, id", 1), byMembership + news}
	store.Table("news", "id", "name")
	store.Deploy(definitions + byMembership)
	w := &world{Store: store, srv: store.Serve(t, nil)}
	m := &model{members: map[string][2]string{}, items: map[string][2]string{}}
	transports := []syncclient.Transport{syncclient.HTTP, syncclient.HTTPLines, syncclient.WebSocket}
	clients := make([]*restarting, 6)
	for i := range clients {
		clients[i] = w.restarting(t, user(i), transports[i%len(transports)])
	}
	for range 120 {
		var changes []clientstest.Change
		for range 1 + rng.IntN(30) {
			changes = append(changes, m.step(rng, members, items))
		}
		w.Commit(changes...)
		if c := clients[rng.IntN(len(clients))]; rng.IntN(3) == 0 {
			c.stop()
			c.start()
		}
		if rng.IntN(15) == 0 {
			w.Deploy(definitions + versions[rng.IntN(len(versions))])
		}
		if rng.IntN(10) == 0 {
			if _, err := w.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s := w.CompactStats(); s.Moved == 0 {
		t.Errorf("nothing was compacted: %+v", s)
	}
	w.Deploy(definitions + versions[0])
	for i, c := range clients {
		c.waitFor(m.rows(user(i)))
	}
}

// restarting is a follower that can be stopped and started again with what it holds.
type restarting struct {
	*follower
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func (w *world) restarting(t testing.TB, user string, transport syncclient.Transport) *restarting {
	t.Helper()
	f := &follower{tb: t, applied: make(chan syncclient.Applied, 10000)}
	tr := &http.Transport{}
	f.Client = syncclient.New(syncclient.Options{
		Endpoint: w.srv.URL, Token: syncclient.StaticToken(clientstest.Token(t, user)), Transport: transport, RetryDelay: time.Millisecond,
		HTTPClient: &http.Client{Transport: tr}, OnApply: func(a syncclient.Applied) { f.applied <- a },
		OnError: func(err error) { t.Errorf("client: %v", err) },
	})
	r := &restarting{follower: f}
	r.start()
	t.Cleanup(func() {
		r.stop()
		tr.CloseIdleConnections()
	})
	return r
}

func (r *restarting) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.running.Go(func() { _ = r.Run(ctx) })
}

func (r *restarting) stop() {
	r.cancel()
	r.running.Wait()
}

func user(i int) string { return fmt.Sprintf("u%d", i%3) }

// waitFor waits until the items are as they should be.
func (f *follower) waitFor(want []string) {
	f.tb.Helper()
	deadline := time.After(patience)
	for {
		var got []string
		for _, row := range f.Rows("items") {
			got = append(got, row.ID+" "+string(row.Data))
		}
		diff := cmp.Diff(want, got)
		if diff == "" {
			return
		}
		select {
		case <-f.applied:
		case <-deadline:
			f.tb.Fatalf("rows (-want +got):\n%s", diff)
		}
	}
}

// model is the source, and what the rules say of it.
type model struct{ members, items map[string][2]string }

func (m *model) step(rng *rand.Rand, members, items *clientstest.Table) clientstest.Change {
	rows, table := m.items, items
	id, values := fmt.Sprint("i", rng.IntN(60)), [2]string{fmt.Sprint("g", rng.IntN(4)), fmt.Sprint(rng.IntN(3))}
	if rng.IntN(10) == 0 {
		rows, table = m.members, members
		id, values = fmt.Sprint("m", rng.IntN(6)), [2]string{user(rng.IntN(3)), fmt.Sprint("g", rng.IntN(4))}
	}
	_, exists := rows[id]
	switch {
	case exists && rng.IntN(4) == 0:
		delete(rows, id)
		return table.Delete(id)
	case exists:
		rows[id] = values
		return table.Update(id, values[0], values[1])
	}
	rows[id] = values
	return table.Insert(id, values[0], values[1])
}

// rows are the items that the user sees.
func (m *model) rows(user string) []string {
	var out []string
	for id, item := range m.items {
		for _, member := range m.members {
			if member[0] == user && member[1] == item[0] {
				out = append(out, fmt.Sprintf(`%s {"id":%q,"name":%q}`, id, id, item[1]))
				break
			}
		}
	}
	slices.Sort(out)
	return out
}

// A deploy in the middle of a download: the round is given up without a complete line, whether it is young or not.
func TestPoint58_DeployDuringADownload(t *testing.T) {
	for name, rows := range map[string]struct{ n, size int }{"young round": {5, 700 << 10}, "old round": {3500, 10}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, definitions+mine)
			var changes []clientstest.Change
			for i := range rows.n {
				changes = append(changes, w.lists.Insert(fmt.Sprint(i), "u1", strings.Repeat("x", rows.size)))
			}
			w.Commit(changes...)
			c := dialRSocket(t, w.srv)
			c.send(setupFrame(t, "u1"), requestFrame(1, 2, `{}`))
			old := c.line().Checkpoint
			first := c.line().Page
			w.Deploy(definitions + strings.Replace(mine, "id, name", "id, owner", 1))
			c.send(moreFrame(1, 100))
			var held int
			for line := c.line(); ; line = c.line() {
				switch {
				case line.Page != nil && line.Page.Bucket == old.Buckets[0].Name:
					if line.Page.After != first.Next {
						t.Errorf("page from %d, want %d", line.Page.After, first.Next)
					}
					first = line.Page
				case line.Checkpoint != nil:
					if line.Checkpoint.Buckets[0].Name == old.Buckets[0].Name {
						t.Errorf("checkpoint of the old version: %+v", line.Checkpoint)
					}
				case line.Page != nil:
					held += len(line.Page.Ops)
				case line.Complete != nil:
					if held != rows.n {
						t.Errorf("complete with %d rows of the new version, want %d", held, rows.n)
					}
					return
				default:
					t.Fatalf("got %s", describe(line))
				}
			}
		})
	}
}
