package replicator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// wholeTable is a span of all rows.
var wholeTable = span{end: math.MaxUint32}

// chunked makes a published table from ddl and returns its unit and its file.
func chunked(t *testing.T, d *pgtest.Database, cfg Config, ddl string) (*Source, *unit, layout) {
	t.Helper()
	d.Exec(ddl)
	s := connected(t, cfg)
	u := published(t, s, patterns("t")).units[0]
	l, err := s.readLayout(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return s, u, l
}

// TestChunkHoldsOffRewrite: a VACUUM FULL between check and COPY would leave 986 of 1000 rows unread, were the lock not taken first.
func TestChunkHoldsOffRewrite(t *testing.T) {
	d := pgtest.New(t)
	cfg := newConfig(d)
	other, watch := d.Connect(t), d
	vacuumed := make(chan error, 1)
	cfg.hooks.chunkChecked = func(context.Context, *buckets.Relation) {
		go func() {
			_, err := other.Exec(context.Background(), "VACUUM FULL t")
			vacuumed <- err
		}()
		eventually(t, watch, "SELECT count(*) > 0 FROM pg_stat_activity WHERE pid = $1::int AND wait_event_type = 'Lock'", other.PgConn().PID())
	}
	s, u, l := chunked(t, d, cfg, `CREATE TABLE t (id int PRIMARY KEY, pad text); ALTER TABLE t SET (autovacuum_enabled = off);
		INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 2000) i; DELETE FROM t WHERE id <= 1000`)
	c, err := s.readChunk(t.Context(), u, &progress{Filenode: l.filenode}, span{start: tid{Block: l.blocks / 2}, end: l.blocks}, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.rows) < 990 {
		t.Errorf("chunk has %d rows, want all thousand but a few", len(c.rows))
	}
	if err := <-vacuumed; err != nil {
		t.Fatal(err)
	}
	if _, err := s.readChunk(t.Context(), u, &progress{Filenode: l.filenode}, wholeTable, 1<<30); !errors.Is(err, errReplan) {
		t.Errorf("chunk of a rewritten table: %v, want errReplan", err)
	}
}

// TestChunkBehindDDL: a chunk that had to wait for DDL does not read with a snapshot from before it (0 rows and no error, else).
func TestChunkBehindDDL(t *testing.T) {
	for name, ddl := range map[string]string{
		"retype":   "ALTER TABLE t ALTER v TYPE bigint",
		"truncate": "TRUNCATE t; INSERT INTO t VALUES (1, 1)",
		"add":      "ALTER TABLE t ADD w int DEFAULT 7",
		"drop":     "DROP TABLE t",
		"swap":     "ALTER TABLE t RENAME TO gone; CREATE TABLE t (id int PRIMARY KEY, v int)",
		"identity": "ALTER TABLE t REPLICA IDENTITY FULL",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			s, u, l := chunked(t, d, newConfig(d), "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT i, i FROM generate_series(1, 50) i")
			other := d.Connect(t)
			execOn(t, other, "BEGIN; "+ddl)
			_, err := s.readChunk(t.Context(), u, &progress{Filenode: l.filenode}, wholeTable, 1<<20)
			if !locked(err) {
				t.Errorf("chunk of a locked table: %v, want a lock timeout", err)
			}
			execOn(t, other, "COMMIT")
			if c, err := s.readChunk(t.Context(), u, &progress{Filenode: l.filenode}, wholeTable, 1<<20); !errors.Is(err, errReplan) {
				t.Errorf("chunk behind DDL: %+v, %v, want errReplan", c, err)
			}
		})
	}
}

// TestChunksCoverTheTable: whatever their size, chunks bring every row once, also where blocks are empty or a single block holds
// more than a chunk may.
func TestChunksCoverTheTable(t *testing.T) {
	for _, test := range []struct {
		name, ddl string
		limit     int64
		rows      int
	}{
		{"many blocks", "INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 5000) i", 20000, 5000},
		{"low range empty", "INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 2000) i; DELETE FROM t WHERE id <= 1000", 20000, 1000},
		{"wide rows", "INSERT INTO t SELECT i, repeat('x', 100000) FROM generate_series(1, 50) i", 150000, 50},
		{"rows wider than a chunk", "INSERT INTO t SELECT i, repeat('x', 100000) FROM generate_series(1, 10) i", 1000, 10},
		{"empty", "", 1000, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			s, u, l := chunked(t, d, newConfig(d), "CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t SET (autovacuum_enabled = off); "+test.ddl)
			seen := map[int]bool{}
			for sp := (span{end: 7}); ; sp.end += 7 {
				c, err := s.readChunk(t.Context(), u, &progress{Filenode: l.filenode}, sp, test.limit)
				for ; err == nil && c.cut; c, err = s.readChunk(t.Context(), u, &progress{Filenode: l.filenode}, sp, test.limit) {
					collect(t, seen, c, test.limit)
					sp.start = c.next
				}
				if err != nil {
					t.Fatal(err)
				}
				collect(t, seen, c, test.limit)
				if sp.end >= l.blocks {
					break
				}
				sp.start = c.next
			}
			if len(seen) != test.rows {
				t.Errorf("chunks have %d rows, want %d", len(seen), test.rows)
			}
		})
	}
}

func collect(t *testing.T, seen map[int]bool, c *chunk, limit int64) {
	t.Helper()
	if c.bytes > limit && len(c.rows) > 1 {
		t.Errorf("chunk of %d rows holds %d bytes, limit %d", len(c.rows), c.bytes, limit)
	}
	for _, row := range c.rows {
		id, err := strconv.Atoi(string(row[0]))
		if err != nil {
			t.Fatal(err)
		}
		if seen[id] {
			t.Fatalf("row %d comes twice", id)
		}
		seen[id] = true
	}
}

// TestChunkHonoursPublication: column list and row filter of a publication that someone made hold for chunks too.
func TestChunkHonoursPublication(t *testing.T) {
	d := pgtest.New(t)
	if d.Value("SELECT current_setting('server_version_num')::int < 150000") == "t" {
		t.Skip("the server has no column lists")
	}
	cfg := newConfig(d)
	d.Exec(fmt.Sprintf(`CREATE TABLE t (id int PRIMARY KEY, hidden text, v text, twice int GENERATED ALWAYS AS (id * 2) STORED);
		INSERT INTO t VALUES (1, 'secret', 'a'), (2, 'secret', 'b'), (3, 'secret', 'c');
		CREATE PUBLICATION %s FOR TABLE t (id, v) WHERE (id <> 2)`, cfg.Publication))
	s := connected(t, cfg)
	p, err := s.makePlan(t.Context(), patterns("t"))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.units) != 1 {
		t.Fatalf("plan has %d units, faults %v", len(p.units), p.faults)
	}
	c, err := s.readChunk(t.Context(), p.units[0], &progress{}, wholeTable, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%q", c.rows)
	if want := `[["1" "a"] ["3" "c"]]`; got != want {
		t.Errorf("rows %s, want %s", got, want)
	}
}

// TestSectionsCoverTheTable: sections follow each other without a gap, from the first block to the last.
func TestSectionsCoverTheTable(t *testing.T) {
	for _, blocks := range []uint32{0, 1, 7, sectionBlocksMin, 2*sectionBlocksMin - 1, 2 * sectionBlocksMin, 8*sectionBlocksMin + 5, 1 << 30} {
		for n := 1; n <= sectionsMax; n++ {
			p := newProgress(layout{blocks: blocks}, "", n)
			end := uint32(0)
			for _, sec := range p.Sections {
				if sec.Next.Block != end || sec.End <= end {
					t.Errorf("%d blocks, %d sections: %+v", blocks, n, p.Sections)
				}
				end = sec.End
			}
			if end != max(blocks, 1) || len(p.Sections) > n {
				t.Errorf("%d blocks, %d sections: %+v", blocks, n, p.Sections)
			}
		}
	}
}

// TestTablesAreReadAtOnce: chunks of several tables are in flight in concurrent mode, of one in sequential mode.
func TestTablesAreReadAtOnce(t *testing.T) {
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		var rules strings.Builder
		rules.WriteString("bucket_definitions:\n  all:\n    data:\n")
		for _, table := range []string{"a", "b", "c"} {
			d.Exec(fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY); INSERT INTO %[1]s VALUES (1)", table))
			rules.WriteString("      - SELECT id FROM " + table + "\n")
		}
		var mu sync.Mutex
		reading, most := map[string]bool{}, 0
		w := newWorld(t, d, rules.String(), func(cfg *Config) {
			mode(cfg)
			want := 1
			if cfg.Snapshot.Concurrent {
				want = 3
			}
			cfg.hooks.chunkChecked = func(ctx context.Context, rel *buckets.Relation) {
				mu.Lock()
				reading[rel.Name] = true
				most = max(most, len(reading))
				mu.Unlock()
				for together := 0; together < want && pause(ctx, time.Millisecond) == nil; { // the others come if they may
					mu.Lock()
					together = most
					mu.Unlock()
				}
			}
			cfg.hooks.chunkRead = func(_ context.Context, rel *buckets.Relation, _ int) {
				mu.Lock()
				defer mu.Unlock()
				delete(reading, rel.Name)
			}
		})
		w.start()
		w.settle()
		if want := w.cfg.Snapshot.Workers; w.cfg.Snapshot.Concurrent && most != want || !w.cfg.Snapshot.Concurrent && most != 1 {
			t.Errorf("%d tables were read at once", most)
		}
	})
}

// TestSectionsAreReadAtOnce: several chunks of one table are in flight, its rows move between what they read, and a restart goes on in each
// section where it was.
func TestSectionsAreReadAtOnce(t *testing.T) {
	const rows, workers = 3 * sectionBlocksMin, 3 // a row to a block
	d := pgtest.New(t)
	d.Exec(fmt.Sprintf(`CREATE TABLE items (id int PRIMARY KEY, v text, big text) WITH (autovacuum_enabled = off);
		ALTER TABLE items ALTER v SET STORAGE PLAIN, ALTER big SET STORAGE EXTERNAL;
		INSERT INTO items SELECT i, repeat('v', 5000), CASE WHEN i %% 100 = 0 THEN repeat('b', 3000) END FROM generate_series(1, %d) i;
		DELETE FROM items WHERE id %% 40 = 1`, rows))
	d.Exec("VACUUM items")
	conn := d.Connect(t)
	var chunks, reading, together atomic.Int64
	reached := make(chan struct{})
	w := newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.Snapshot = SnapshotConfig{Concurrent: true, Workers: workers, ChunkBytes: 256 << 10}
		cfg.hooks.chunkChecked = func(ctx context.Context, _ *buckets.Relation) {
			n := reading.Add(1)
			for have := together.Load(); n > have && !together.CompareAndSwap(have, n); have = together.Load() {
			}
			for together.Load() < workers && pause(ctx, time.Millisecond) == nil { // the others come if they may
			}
		}
		cfg.hooks.chunkRead = func(context.Context, *buckets.Relation, int) {
			reading.Add(-1)
			switch chunks.Add(1) {
			case 10: // into free blocks anywhere, some with values that are not sent again
				_, err := conn.Exec(t.Context(), "UPDATE items SET v = 'moved' || repeat('v', 5000) WHERE id % 50 = 0; UPDATE items SET id = id + 10000 WHERE id % 70 = 0", simple...)
				if err != nil {
					t.Error(err)
				}
			case 25:
				close(reached)
			}
		}
	})
	w.start()
	<-reached
	w.stop()
	reading.Store(0) // the stop ended some in the middle
	d.Exec("DELETE FROM items WHERE id % 45 = 0; UPDATE items SET v = 'short' WHERE id % 55 = 0")
	w.start()
	w.compare(itemTruth)
	table := w.store.Tables("default")[0]
	if together.Load() != workers || table.Generation != 1 || table.Rows > rows+workers*60 {
		t.Errorf("%d chunks were in flight at once, generation %d, %d rows read of %d", together.Load(), table.Generation, table.Rows, rows)
	}
}
