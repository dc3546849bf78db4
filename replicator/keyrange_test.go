package replicator

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// otherMethod is a heap by another name: what weir can't know to be one.
const otherMethod = "CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler;"

// TestEveryKeyResumes: whatever the key is, a restart repeats one chunk per worker at most and begins no new generation. A table that is
// not a heap is read in ranges of its key.
func TestEveryKeyResumes(t *testing.T) {
	keys := map[string]string{
		"composite": "ALTER TABLE items ADD PRIMARY KEY (b, a)",
		"uuid":      "ALTER TABLE items ADD PRIMARY KEY (u)",
		"text":      "ALTER TABLE items ADD PRIMARY KEY (id)",
		"numeric":   "ALTER TABLE items ADD PRIMARY KEY (n)",
		"index":     "CREATE UNIQUE INDEX items_u ON items (u); ALTER TABLE items REPLICA IDENTITY USING INDEX items_u",
		"none":      "ALTER TABLE items REPLICA IDENTITY FULL",
	}
	for name, key := range keys {
		for _, method := range []string{"heap", "other"} {
			if method == "other" && name == "none" {
				continue // refused: TestTableFaults
			}
			t.Run(name+" "+method, func(t *testing.T) {
				t.Parallel()
				modes(t, func(t *testing.T, mode func(*Config)) { resumes(t, mode, method, key) })
			})
		}
	}
}

func resumes(t *testing.T, mode func(*Config), method, key string) {
	const rows, stopAt = 1500, 10
	d := pgtest.New(t)
	d.Exec(otherMethod + fmt.Sprintf(`CREATE TABLE items (a int NOT NULL, b text NOT NULL, u uuid NOT NULL, n numeric NOT NULL, id text NOT NULL, v text) USING %s;
		INSERT INTO items SELECT i / 7, 'b' || i, md5(i::text)::uuid, i / 10.0, 'id ' || i, repeat('v', 200) FROM generate_series(1, %d) i;`, method, rows) + key)
	var reads atomic.Int64
	reached := make(chan struct{})
	w := newWorld(t, d, "bucket_definitions:\n  all:\n    data: [\"SELECT id, b, n, v FROM items\"]\n", func(cfg *Config) {
		mode(cfg)
		cfg.Snapshot.ChunkBytes = 16 << 10
		cfg.hooks.chunkRead = func(context.Context, *buckets.Relation, int) {
			if reads.Add(1) == stopAt {
				close(reached)
			}
		}
	})
	w.start()
	<-reached
	w.stop()
	d.Exec("UPDATE items SET v = 'changed' WHERE a % 50 = 0; DELETE FROM items WHERE a % 50 = 1; INSERT INTO items SELECT -1, 'new', md5('new')::uuid, -1, 'new', 'v'")
	w.start()
	if stored := w.store.Tables("default")[0].Rows; stored == 0 || stored > rows*2/3 {
		t.Errorf("%d rows of %d were stored before the restart", stored, rows)
	}
	w.compare("SELECT 'items', id, json_build_object('id', id, 'b', b, 'n', n::text, 'v', v) FROM items")
	if table := w.store.Tables("default")[0]; table.Generation != 1 || table.Rows > rows+600 {
		t.Errorf("generation %d, chunks brought %d rows of %d", table.Generation, table.Rows, rows)
	}
}

// TestKeyRanges: chunks in ranges of a key bring every row once, in whatever way its values sort and are written, also where a single row is
// more than a chunk may hold, and under a row filter.
func TestKeyRanges(t *testing.T) {
	for name, c := range map[string]struct {
		key   string // of columns a int, b text, f float8, at timestamptz, n numeric
		limit int64
	}{
		"int":         {"a", 5000},
		"text":        {"b", 5000},
		"float":       {"f", 5000},
		"time":        {"at", 5000},
		"numeric":     {"n", 5000},
		"composite":   {"f, b, n", 5000},
		"column last": {"b, a", 5000},
		"wide rows":   {"b", 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := pgtest.New(t)
			s, u, l := chunked(t, d, newConfig(d), otherMethod+`CREATE TABLE t (a int, b text, f float8, at timestamptz, n numeric, PRIMARY KEY (`+c.key+`)) USING other;
				INSERT INTO t SELECT i, CASE i % 4 WHEN 0 THEN E'it''s\\' WHEN 1 THEN E'tab\t' WHEN 2 THEN 'Ä' ELSE '' END || (i * 7919 % 400), (i - 200) / 3.0,
				'2024-10-27 00:00:00+00'::timestamptz + i * '7 min'::interval, (200 - i) / 7.0 FROM generate_series(1, 400) i`)
			seen := map[int]bool{}
			for sp := (span{rows: 30, until: l.last}); ; {
				got, err := s.readChunk(t.Context(), u, &progress{Filenode: l.filenode}, sp, c.limit)
				if err != nil {
					t.Fatal(err)
				}
				collect(t, seen, got, c.limit)
				if sp.after = got.after; !got.cut && len(got.rows) < sp.rows {
					break
				}
			}
			if len(seen) != 400 {
				t.Errorf("chunks have %d rows, want 400", len(seen))
			}
		})
	}
}

// TestTableGrowsFasterThanItIsRead: a snapshot ends where the table ended when it began; what is added is in the stream.
func TestTableGrowsFasterThanItIsRead(t *testing.T) {
	for _, method := range []string{"heap", "other"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			modes(t, func(t *testing.T, mode func(*Config)) {
				d := pgtest.New(t)
				d.Exec(otherMethod + "SET default_table_access_method = " + method + ";" + itemTable)
				conn := d.Connect(t)
				var chunks atomic.Int64
				w := newWorld(t, d, itemRules, func(cfg *Config) {
					mode(cfg)
					cfg.Snapshot.ChunkBytes = 16 << 10
					cfg.hooks.chunkRead = func(ctx context.Context, _ *buckets.Relation, rows int) {
						n := chunks.Add(1)
						if _, err := conn.Exec(ctx, "INSERT INTO items SELECT $1 * 1000 + i, 'more', repeat('m', 3000) FROM generate_series(1, 1 + 2 * $2::int) i", n, rows); err != nil {
							t.Error(err)
						}
					}
				})
				w.start()
				w.compare(itemTruth)
				if n := chunks.Load(); n > 60 {
					t.Errorf("%d chunks were read of a table that had 40 rows", n)
				}
			})
		})
	}
}

// TestKeySectionsCoverTheTable: whatever statistics say, and were they of another table, each key up to the last is in one section at least,
// and in one only if they are in order.
func TestKeySectionsCoverTheTable(t *testing.T) {
	const last = 50
	for name, quantiles := range map[string][]string{
		"none": nil, "one": {"10"}, "two": {"1", "50"}, "ordered": {"1", "10", "20", "30", "40", "50"},
		"beyond": {"10", "60", "70", "80"}, "unordered": {"9", "30", "10", "45", "2", "44"},
	} {
		for n := 1; n <= sectionsMax; n++ {
			sections := keySections(layout{last: [][]byte{[]byte(strconv.Itoa(last))}, quantiles: quantiles}, sectionRowsMin*sectionsMax, n)
			if len(sections) > max(n, 1) || name == "ordered" && len(sections) != min(n, 5) {
				t.Errorf("%s: %d sections, want at most %d", name, len(sections), n)
			}
			for key := range last + 1 {
				in := 0
				for _, sec := range sections {
					if (sec.After == nil || key > number(t, sec.After)) && key <= number(t, sec.Until) {
						in++
					}
				}
				if in == 0 || in > 1 && name != "unordered" {
					t.Errorf("%s: key %d is in %d of %d sections", name, key, in, len(sections))
				}
			}
		}
	}
}

func number(t *testing.T, key [][]byte) int {
	t.Helper()
	n, err := strconv.Atoi(string(key[0]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKeySectionsAreReadAtOnce: several chunks of a table that is read by key are in flight, keys move between their sections, and a restart
// goes on in each where it was. The key's first column, which divides, is not unique.
func TestKeySectionsAreReadAtOnce(t *testing.T) {
	const rows, workers = 3 * sectionRowsMin, 3
	d := pgtest.New(t)
	d.Exec(otherMethod + fmt.Sprintf(`CREATE TABLE items (grp int, id int, v text, big text, PRIMARY KEY (grp, id)) USING other;
		INSERT INTO items SELECT i / 5, i, 'v' || i FROM generate_series(1, %d) i`, rows))
	d.Exec("ANALYZE items")
	conn := d.Connect(t)
	var chunks, reading, together atomic.Int64
	reached := make(chan struct{})
	w := newWorld(t, d, itemRules, func(cfg *Config) {
		cfg.Snapshot = SnapshotConfig{Concurrent: true, Workers: workers, ChunkBytes: 64 << 10}
		cfg.hooks.chunkChecked = func(ctx context.Context, _ *buckets.Relation) {
			n := reading.Add(1)
			for have := together.Load(); n > have && !together.CompareAndSwap(have, n); have = together.Load() {
			}
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			for chunks.Load() == 0 && together.Load() < workers && pause(ctx, time.Millisecond) == nil { // the others come if they may
			}
		}
		cfg.hooks.chunkRead = func(context.Context, *buckets.Relation, int) {
			reading.Add(-1)
			switch chunks.Add(1) {
			case 6:
				_, err := conn.Exec(t.Context(), "UPDATE items SET grp = 5000 - grp WHERE id % 50 = 0; DELETE FROM items WHERE id % 70 = 0", simple...)
				if err != nil {
					t.Error(err)
				}
			case 12:
				close(reached)
			}
		}
	})
	w.start()
	<-reached
	w.stop()
	reading.Store(0) // the stop ended some in the middle
	d.Exec("UPDATE items SET grp = 5000 - grp WHERE id % 80 = 0")
	w.start()
	w.compare(itemTruth)
	table := w.store.Tables("default")[0]
	if most := int64(rows + 2*workers*1000); together.Load() != workers || table.Generation != 1 || table.Rows > most {
		t.Errorf("%d chunks were in flight at once, generation %d, %d rows read of %d", together.Load(), table.Generation, table.Rows, rows)
	}
}
