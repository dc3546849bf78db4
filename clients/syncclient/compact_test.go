package syncclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/syncclient"
)

// frail is a TCP proxy whose connections break after a random number of bytes.
type frail struct {
	listener net.Listener
	target   string

	mu     sync.Mutex // guards what follows
	random *rand.Rand
	whole  bool // connections last from now on
	wg     sync.WaitGroup
}

func newFrail(tb testing.TB, target string, seed uint64) *frail {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	f := &frail{listener: l, target: strings.TrimPrefix(target, "http://"), random: rand.New(rand.NewPCG(seed, 1))}
	f.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.wg.Go(func() { f.carry(c) })
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		f.wg.Wait()
	})
	return f
}

func (f *frail) url() string { return "http://" + f.listener.Addr().String() }

func (f *frail) mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.whole = true
}

// life is how many bytes a connection carries.
func (f *frail) life() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.whole {
		return 1 << 40
	}
	return 1000 + f.random.Int64N(1<<uint(10+f.random.IntN(9)))
}

func (f *frail) carry(down net.Conn) {
	defer func() { _ = down.Close() }()
	up, err := net.Dial("tcp", f.target)
	if err != nil {
		return
	}
	defer func() { _ = up.Close() }()
	f.wg.Go(func() {
		_, _ = io.Copy(up, down)
		_ = up.Close()
	})
	_, _ = io.CopyN(down, up, f.life())
}

// Clients over every transport that verify every checksum, reconnecting at random positions, see nothing of the compaction that runs all
// the time while rows change (I5, I7).
func TestCompactionIsInvisibleToClients(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	store := clientstest.NewStore(t)
	lists := store.Table("lists", "id", "owner", "name")
	want := map[string]string{}
	change := func() clientstest.Change {
		id, name := fmt.Sprint(r.IntN(150)), fmt.Sprintf("%d%s", r.Int(), strings.Repeat("x", r.IntN(3000)))
		_, had := want[id]
		switch {
		case had && r.IntN(5) == 0:
			delete(want, id)
			return lists.Delete(id)
		case had:
			want[id] = name
			return lists.Update(id, "u1", name)
		}
		want[id] = name
		return lists.Insert(id, "u1", name)
	}
	store.Deploy(rules)
	srv := store.Serve(t, nil)
	var clients []*client
	var fronts []*frail
	for _, opts := range transports {
		f := newFrail(t, srv.URL, seed)
		fronts = append(fronts, f)
		opts.Endpoint, opts.Token = f.url(), syncclient.StaticToken(clientstest.Token(t, "u1"))
		clients = append(clients, start(t, opts))
	}
	ctx, cancel := context.WithCancel(context.Background())
	var compacting sync.WaitGroup
	compacting.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			_, err := store.Compact(ctx)
			if i%10 == 9 && err == nil {
				_, err = store.CompactFile(ctx)
			}
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("compact: %v", err)
				return
			}
		}
	})
	for range 400 {
		changes := make([]clientstest.Change, 0, 4)
		for range 1 + r.IntN(4) {
			changes = append(changes, change())
		}
		store.Commit(changes...)
		for _, c := range clients {
			c.drain()
		}
	}
	cancel()
	compacting.Wait()
	for _, f := range fronts {
		f.mend()
	}
	for i, c := range clients {
		c.await(want)
		if i == 0 {
			t.Logf("compaction %+v; a client %+v", store.CompactStats(), c.Stats())
		}
	}
	if s := store.CompactStats(); s.Dropped == 0 || s.Moved == 0 {
		t.Errorf("hardly anything was compacted: %+v", s)
	}
}

// drain takes what there is to take. An error other than a broken connection fails the test.
func (c *client) drain() {
	c.tb.Helper()
	for {
		select {
		case <-c.applied:
		case err := <-c.errs:
			var wrong *syncclient.ChecksumError
			if errors.As(err, &wrong) || strings.Contains(err.Error(), " op ") || strings.Contains(err.Error(), "checkpoint") {
				c.tb.Fatal(err)
			}
		default:
			return
		}
	}
}

// await waits until the client has the rows.
func (c *client) await(want map[string]string) {
	c.tb.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c.drain()
		got := map[string]string{}
		for _, row := range c.Rows("lists") {
			_, name, _ := strings.Cut(string(row.Data), `"name":"`)
			got[row.ID] = strings.TrimSuffix(name, `"}`)
		}
		diff := cmp.Diff(want, got)
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			c.tb.Fatalf("rows after 30 s (-want +got):\n%s", diff)
		}
	}
}
