package main

import (
	"context"
	"fmt"
	"time"

	"github.com/weirsync/weir/clients/wire"
)

// way is a way in which a client can download.
type way struct {
	name    string
	open    func(ctx context.Context, url, token string) (syncStream, error)
	limitOf string
	limit   func(ctx context.Context, lines [][]byte) (time.Duration, error) // the same lines without weir
	targets []target
}

const (
	downloadPart = 0.40
	gzipPart     = 0.60
	downloadRate = 500_000
)

// ways that SDKs use. What they send for Accept-Encoding comes from Node's fetch.
var ways = []way{
	{
		name: "HTTP, NDJSON", open: overHTTP(wire.JSON, ""), limitOf: "the same bytes, bare TCP", limit: bareTCP(wire.JSON),
		targets: []target{partOfLimit(downloadPart), atLeast(downloadRate, rowsPerSecond)},
	},
	{
		name: "HTTP, BSON", open: overHTTP(wire.BSON, ""), limitOf: "the same bytes, bare TCP", limit: bareTCP(wire.BSON),
		targets: []target{partOfLimit(downloadPart), atLeast(downloadRate, rowsPerSecond)},
	},
	{
		name: "HTTP, BSON, gzip", open: overHTTP(wire.BSON, "gzip, deflate"), limitOf: "the same bytes, fastest gzip to nowhere",
		limit: gzipToNowhere, targets: []target{partOfLimit(gzipPart)},
	},
	{
		name: "WebSocket", open: overSocket, limitOf: "the same messages, bare WebSocket", limit: bareWebSocket,
		targets: []target{partOfLimit(downloadPart), atLeast(downloadRate, rowsPerSecond)},
	},
}

func overHTTP(format wire.Format, encoding string) func(ctx context.Context, url, token string) (syncStream, error) {
	return func(ctx context.Context, url, token string) (syncStream, error) {
		return openHTTP(ctx, url, token, requestFor(nil), format, encoding)
	}
}

func overSocket(ctx context.Context, url, token string) (syncStream, error) {
	return openSocket(ctx, url, token, requestFor(nil))
}

func runDownload(ctx context.Context, b *bench) ([]result, error) {
	if err := b.serve(ctx, servedReplica); err != nil {
		return nil, err
	}
	token, err := b.token(user(ownerLarge))
	if err != nil {
		return nil, err
	}
	var results []result
	for i := range ways {
		b.progress.step("%s", ways[i].name)
		r, err := b.download(ctx, &ways[i], token)
		if err != nil {
			return results, fmt.Errorf("%s: %w", ways[i].name, err)
		}
		results = append(results, r)
	}
	return results, nil
}

// download measures from the opening of a connection to the completed checkpoint. It first downloads once to check what comes, and to have
// the lines for the limit.
func (b *bench) download(ctx context.Context, w *way, token string) (result, error) {
	s, err := w.open(ctx, b.weir.url, token)
	if err != nil {
		return result{}, err
	}
	lines, rows, err := record(s)
	s.close()
	if err != nil {
		return result{}, err
	}
	if rows < b.sizes.large {
		return result{}, fmt.Errorf("got %d rows, want %d", rows, b.sizes.large)
	}
	var figures []time.Duration
	err = b.profiled(fileName(w.name), func() (err error) {
		figures, err = b.repeat(func() (time.Duration, error) { return b.drainOnce(ctx, w, token) })
		return err
	})
	if err != nil {
		return result{}, err
	}
	limits, err := b.repeat(func() (time.Duration, error) { return w.limit(ctx, lines) })
	if err != nil {
		return result{}, fmt.Errorf("measure limit: %w", err)
	}
	return result{
		What: fmt.Sprintf("%s rows, %s", thousands(fmt.Sprint(b.sizes.large)), w.name), Unit: rowsPerSecond, LimitOf: w.limitOf,
		Limit: perSecond(rows, median(limits)), Figure: perSecond(rows, median(figures)), targets: w.targets,
	}, nil
}

func (b *bench) drainOnce(ctx context.Context, w *way, token string) (time.Duration, error) {
	started := time.Now()
	s, err := w.open(ctx, b.weir.url, token)
	if err != nil {
		return 0, err
	}
	defer s.close()
	err = drain(s)
	return time.Since(started), err
}

// fileName turns the name of a way into a part of a file name.
func fileName(name string) string {
	var text []rune
	for _, r := range name {
		switch r {
		case ',':
		case ' ':
			text = append(text, '-')
		default:
			text = append(text, r)
		}
	}
	return string(text)
}
