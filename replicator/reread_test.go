package replicator

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// TestWideRowsAreRepaired: the rows that have to be read again are wide ones. No more of them than a chunk's bytes are in memory at a
// time (I14).
func TestWideRowsAreRepaired(t *testing.T) {
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		d.Exec(itemTable + "UPDATE items SET big = repeat(md5(id::text), 2048)")
		conn := d.Connect(t)
		var once sync.Once
		var rereads atomic.Int64
		w := newWorld(t, d, itemRules, func(cfg *Config) {
			mode(cfg)
			cfg.Snapshot.ChunkBytes, cfg.Snapshot.MemoryLimit = 256<<10, 1<<20
			cfg.hooks.chunkRead = func(ctx context.Context, _ *buckets.Relation, _ int) {
				once.Do(func() { // a value that a chunk brought does not travel to another key
					if _, err := conn.Exec(ctx, "UPDATE items SET id = id + 1000"); err != nil {
						t.Error(err)
					}
				})
			}
			cfg.hooks.step = func(name string, _ buckets.TableID) {
				if name == stepReread {
					rereads.Add(1)
				}
			}
		})
		w.start()
		w.compare(itemTruth)
		if n := rereads.Load(); n < 40*64/256 {
			t.Errorf("40 rows of 64 KiB were read again with %d statements, though 256 KiB is the limit", n)
		}
	})
}

// TestRereadOfManyEqualRows: how many there are of a row without a key does not matter, if they are more than one.
func TestRereadOfManyEqualRows(t *testing.T) {
	d := pgtest.New(t)
	d.Exec("CREATE TABLE bag (v text); ALTER TABLE bag REPLICA IDENTITY FULL; INSERT INTO bag SELECT repeat('x', 200) FROM generate_series(1, 2000); INSERT INTO bag VALUES ('y')")
	cfg := newConfig(d)
	cfg.Snapshot.ChunkBytes = 64 << 10
	s := connected(t, cfg)
	u := published(t, s, patterns("bag")).units[0]
	x, y := buckets.Tuple{[]byte(strings.Repeat("x", 200))}, buckets.Tuple{[]byte("y")}
	for _, c := range []struct {
		keys []buckets.Tuple
		want int
		err  error
	}{
		{[]buckets.Tuple{x}, 2, nil},
		{[]buckets.Tuple{y}, 1, nil},
		{[]buckets.Tuple{y, x}, 0, errRereadFull},
	} {
		rows, _, err := s.reread(t.Context(), u, c.keys)
		if len(rows) != c.want || !errors.Is(err, c.err) {
			t.Errorf("re-read of %d rows: %d, %v; want %d, %v", len(c.keys), len(rows), err, c.want, c.err)
		}
	}
}
