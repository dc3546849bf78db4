package clients_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/weirsync/weir/clients/clientstest"
	"github.com/weirsync/weir/clients/syncclient"
)

// BenchmarkDownload is a fresh client that downloads 20,000 rows of 200 bytes and verifies their checksums.
func BenchmarkDownload(b *testing.B) {
	const rows = 20000
	store := clientstest.NewStore(b)
	lists := store.Table("lists", "id", "owner", "name")
	store.Deploy(definitions + mine)
	for i := 0; i < rows; {
		var changes []clientstest.Change
		for range 1000 {
			changes = append(changes, lists.Insert(fmt.Sprint(i), "u1", strings.Repeat("Blue Door ", 17)))
			i++
		}
		store.Commit(changes...)
	}
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
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
