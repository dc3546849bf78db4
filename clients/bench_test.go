package clients_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/weirsync/weir/clients"
	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/clients/wire"
)

// nowhere takes all that a session has, and ends it when it is complete.
type nowhere struct{ end func() }

func (nowhere) Ready(ctx context.Context) error { return ctx.Err() }

func (nowhere) Room() (lines, bytes int) { return math.MaxInt, 4 * clients.PageMax }

func (nowhere) Flush() error { return nil }

func (nowhere) Hold(context.Context, []byte) error { return nil }

func (out nowhere) Send(context.Context, []byte) error {
	out.end() // only the last line is not held
	return nil
}

const benchRows = 20000

// storeOf has benchRows lists of u1.
func storeOf(b *testing.B, list func(i int) (id, name string)) *clientstest.Store {
	b.Helper()
	store := clientstest.NewStore(b)
	lists := store.Table("lists", "id", "owner", "name")
	store.Deploy(definitions + mine)
	for i := 0; i < benchRows; {
		var changes []clientstest.Change
		for range 1000 {
			id, name := list(i)
			changes = append(changes, lists.Insert(id, "u1", name))
			i++
		}
		store.Commit(changes...)
	}
	return store
}

// BenchmarkSession is what a fresh client of 20,000 rows like those of `make bench` costs without the way to it.
func BenchmarkSession(b *testing.B) {
	store := storeOf(b, func(i int) (id, name string) {
		noise := fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, i)))
		return noise[:36], fmt.Sprintf("Item %d: remember to call the supplier about the order; %s"+
			"; then see to the delivery, the invoice and the %s which %d of them still want, and to the list", i, noise[:32], noise[32:], i*7%1000)
	})
	claims := &auth.Claims{Subject: "u1", Payload: json.RawMessage(`{"sub":"u1"}`), Expires: time.Now().Add(time.Hour)}
	for name, format := range map[string]wire.Format{"bson": wire.BSON, "ndjson": wire.JSON} {
		b.Run(name, func(b *testing.B) {
			budget := semaphore.NewWeighted(64 * clients.PageMax)
			b.ReportAllocs()
			for b.Loop() {
				ctx, cancel := context.WithCancel(b.Context())
				cfg := clients.Config{Store: store.Store, Sources: store}
				if err := clients.RunPaced(ctx, cfg, claims, budget, format, nowhere{cancel}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDownload is a fresh client that downloads 20,000 rows of 200 bytes and verifies their checksums.
func BenchmarkDownload(b *testing.B) {
	store := storeOf(b, func(i int) (id, name string) { return fmt.Sprint(i), strings.Repeat("Blue Door ", 17) })
	srv := store.Serve(b, nil)
	for _, bb := range []struct {
		name string
		opts syncclient.Options
	}{
		{"bson", syncclient.Options{}},
		{"bson-gzip", syncclient.Options{Compress: true}},
		{"ndjson", syncclient.Options{Transport: syncclient.HTTPLines}},
		{"websocket", syncclient.Options{Transport: syncclient.WebSocket}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			b.ReportAllocs()
			for b.Loop() {
				ctx, cancel := context.WithCancel(b.Context())
				opts := bb.opts
				opts.Endpoint, opts.Token = srv.URL, syncclient.StaticToken(clientstest.Token(b, "u1"))
				opts.HTTPClient, opts.DiscardRows = &http.Client{Transport: transport}, true
				opts.OnApply = func(syncclient.Applied) { cancel() }
				opts.OnError = func(err error) { b.Error(err) }
				if err := syncclient.New(opts).Run(ctx); !errors.Is(err, context.Canceled) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(benchRows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// counted takes all that a session has, and counts what completes.
type counted struct {
	nowhere
	rounds *sync.WaitGroup
}

func (out counted) Send(context.Context, []byte) error {
	out.rounds.Done() // only the last line is not held
	return nil
}

// BenchmarkFanout is a commit that changes a bucket of each of 500 clients, without the way to them.
func BenchmarkFanout(b *testing.B) {
	const users = 500
	store := clientstest.NewStore(b)
	lists := store.Table("lists", "id", "owner", "name")
	store.Deploy(definitions + mine)
	commit := func(change func(values ...string) clientstest.Change, name string) {
		var changes []clientstest.Change
		for i := range users {
			changes = append(changes, change(fmt.Sprint(i), fmt.Sprint("u", i), name))
		}
		store.Commit(changes...)
	}
	commit(lists.Insert, strings.Repeat("Blue Door ", 20))
	ctx, cancel := context.WithCancel(b.Context())
	var rounds, sessions sync.WaitGroup
	defer sessions.Wait()
	defer cancel()
	rounds.Add(users)
	for i := range users {
		user := fmt.Sprint("u", i)
		claims := &auth.Claims{Subject: user, Payload: fmt.Appendf(nil, `{"sub":%q}`, user), Expires: time.Now().Add(time.Hour)}
		sessions.Go(func() {
			cfg := clients.Config{Store: store.Store, Sources: store}
			budget := semaphore.NewWeighted(clients.PageMax)
			if err := clients.RunPaced(ctx, cfg, claims, budget, wire.BSON, counted{rounds: &rounds}); err != nil {
				b.Error(err)
			}
		})
	}
	rounds.Wait()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		rounds.Add(users)
		commit(lists.Update, fmt.Sprint(i, strings.Repeat(" Blue Door", 20)))
		rounds.Wait()
	}
}
