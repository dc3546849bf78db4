package replicator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
)

// events are what can happen to a table under its snapshot; %[1]s is the table, of which rows 11 to 40 are left. Every third row
// concerns blocks that have been read, are in flight, and are still to be read.
var events = []struct{ name, sql string }{
	{"insert", "INSERT INTO %[1]s VALUES (100, 'new', NULL), (101, 'new', repeat('n', 3000))"},
	{"update", "UPDATE %[1]s SET v = 'changed' WHERE id %% 3 = 0"}, // into the free blocks in front, big unchanged
	{"update big", "UPDATE %[1]s SET big = 'short' WHERE id %% 3 = 0"},
	{"update twice", "UPDATE %[1]s SET big = repeat('2', 3000) WHERE id %% 3 = 0; UPDATE %[1]s SET v = 'twice' WHERE id %% 3 = 0"},
	{"update and shrink", "UPDATE %[1]s SET v = 'changed' WHERE id %% 3 = 0; UPDATE %[1]s SET big = NULL WHERE id %% 2 = 0"},
	{"delete", "DELETE FROM %[1]s WHERE id %% 3 = 0"},
	{"update and delete", "UPDATE %[1]s SET v = 'changed' WHERE id %% 3 = 0; DELETE FROM %[1]s WHERE id %% 2 = 0"},
	{"re-insert", "BEGIN; DELETE FROM %[1]s WHERE id %% 3 = 0; INSERT INTO %[1]s SELECT i, 'again', 'x' FROM generate_series(12, 40, 3) i; COMMIT"},
	{"key change", "UPDATE %[1]s SET id = id + 1000 WHERE id %% 3 = 0"},
	{"key change and back", "UPDATE %[1]s SET id = id + 1000 WHERE id %% 3 = 0; UPDATE %[1]s SET id = id - 1000, v = 'back' WHERE id > 1000"},
	{"key swap", `BEGIN; UPDATE %[1]s SET id = -1 WHERE id = 11; UPDATE %[1]s SET id = 11 WHERE id = 40; UPDATE %[1]s SET id = 40 WHERE id = -1; COMMIT;
		BEGIN; UPDATE %[1]s SET id = -1 WHERE id = 30; UPDATE %[1]s SET id = 30 WHERE id = 31; UPDATE %[1]s SET id = 31 WHERE id = -1; COMMIT`},
	{"key swap in steps", "UPDATE %[1]s SET id = -1 WHERE id = 11; UPDATE %[1]s SET id = 11 WHERE id = 40; UPDATE %[1]s SET id = 40 WHERE id = -1"},
	{"truncate", "TRUNCATE %[1]s"},
	{"refill", "BEGIN; TRUNCATE %[1]s; INSERT INTO %[1]s VALUES (11, 'one', repeat('o', 3000)); COMMIT; UPDATE %[1]s SET v = 'uno'"},
	{"rolled back", "BEGIN; DELETE FROM %[1]s; ROLLBACK"},
	{"vacuum full", "UPDATE %[1]s SET v = 'changed' WHERE id %% 3 = 0; VACUUM FULL %[1]s"},
	{"cluster", "DELETE FROM %[1]s WHERE id %% 3 = 0; CLUSTER %[1]s USING %[1]s_pkey"},
}

// exclusive tells whether an event waits for the chunks that are being read.
func exclusive(sql string) bool {
	return strings.Contains(sql, "TRUNCATE") || strings.Contains(sql, "VACUUM FULL") || strings.Contains(sql, "CLUSTER")
}

// moments are the points between a chunk's reading and its saving, and before and behind, at which events happen.
var moments = []struct {
	name string
	at   string // a step, "checked" or "read"
	hold bool   // the stream is held from the first chunk until all are saved: chunks are ahead of it
	swap bool   // keys swap before the first chunk, so that there are rows to repair
}{
	{name: "generation begun", at: stepBegin},
	{name: "before the first chunk", at: stepChunks},
	{name: "chunk ahead of the stream", at: stepChunks, hold: true},
	{name: "between check and read", at: "checked"},
	{name: "between read and save", at: "read"},
	{name: "between read and save, ahead of the stream", at: "read", hold: true},
	{name: "chunk saved", at: stepSaved},
	{name: "before the repair's barrier", at: stepRepair, swap: true},
	{name: "between re-read and save", at: stepReread, swap: true},
	{name: "before the fence", at: stepFence},
	{name: "behind the fence", at: stepFenced},
}

// TestMoments forces each event at each moment, each in a table of its own, for a first snapshot and for a resnapshot over older rows, of the
// same table or of another one that has replaced it, in both modes, and for tables that are read in ranges of their key. No row is lost,
// resurrected or stale, then and after further changes (I8, I12, I15). With each event goes a transaction over the ledger, so that every
// checkpoint shows whether it is a state that the source had (I1).
func TestMoments(t *testing.T) {
	for _, m := range moments {
		play := func(t *testing.T, mode func(*Config), w *momentWorld) {
			t.Parallel()
			w.at, w.hold, w.swap, w.held = m.at, m.hold, m.swap, make(chan struct{})
			w.play(t, mode)
		}
		t.Run(m.name, func(t *testing.T) {
			if !m.hold { // in sequential mode it is held anyway
				t.Run("sequential", func(t *testing.T) { play(t, func(*Config) {}, &momentWorld{}) })
			}
			t.Run("concurrent", func(t *testing.T) { play(t, concurrent, &momentWorld{}) })
			t.Run("again", func(t *testing.T) { play(t, concurrent, &momentWorld{again: true}) })
			if !m.hold { // its generations begin behind a marker
				t.Run("made again", func(t *testing.T) { play(t, concurrent, &momentWorld{again: true, remade: true}) })
			}
			t.Run("by key", func(t *testing.T) { play(t, concurrent, &momentWorld{byKey: true}) })
		})
	}
}

// momentWorld has a table for each event.
type momentWorld struct {
	*world
	at         string
	hold, swap bool
	again      bool // the tables have been read before
	remade     bool // and were made again since
	byKey      bool // the tables are no heaps
	armed      bool
	pending    sync.WaitGroup // events that wait for locks
	app        *pgxpool.Pool  // connections of those who make the events

	mu     sync.Mutex
	tables map[string]*momentTable
	fences int           // tables that are at their fence
	held   chan struct{} // closed when the stream goes on
	goOn   sync.Once
}

type momentTable struct {
	event string
	sql   string
	seen  int  // how often the moment came
	fired bool // the event
	done  bool // it is over
	fence bool // at its fence
	once  sync.Once
}

func (w *momentWorld) play(t *testing.T, mode func(*Config)) {
	d := pgtest.New(t)
	rules, truth := w.schema(d)
	var err error
	if w.app, err = pgxpool.New(t.Context(), d.URI()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.app.Close)
	w.world = newWorld(t, d, rules, func(cfg *Config) {
		mode(cfg)
		cfg.Snapshot.ChunkBytes = 32 << 10
		cfg.hooks.step = w.step
		cfg.hooks.chunkChecked = func(ctx context.Context, rel *buckets.Relation) { w.reach(ctx, "checked", rel.Name) }
		cfg.hooks.chunkRead = func(ctx context.Context, rel *buckets.Relation, _ int) { w.reach(ctx, "read", rel.Name) }
		cfg.hooks.received = func(*buckets.Transaction) { w.holdStream() }
	})
	if w.again {
		w.start()
		w.settle()
		w.stop()
		w.lose()
		w.each("UPDATE %s SET big = repeat('g', 3000) WHERE id %% 4 = 0; UPDATE %[1]s SET id = id + 500 WHERE id %% 10 = 7;") // in the gap
		for i := range uint64(8) {
			d.Exec(ledgerTransaction(rand.New(rand.NewPCG(i, 2))))
		}
	}
	w.armed = true
	w.start()
	w.until(func() bool { return w.happened() && w.current() })
	w.compare(truth...)
	w.pending.Wait()
	w.each(`UPDATE %s SET v = 'later' WHERE id %% 2 = 0; UPDATE %[1]s SET id = id + 2000 WHERE id %% 5 = 0; DELETE FROM %[1]s WHERE id %% 7 = 0;
		INSERT INTO %[1]s VALUES (12, 'later', NULL), (33, 'later', NULL) ON CONFLICT DO NOTHING;`)
	w.compare(truth...)
}

// lose has all tables read again: they are other ones, or the slot is gone.
func (w *momentWorld) lose() {
	if !w.remade {
		w.db.Exec("SELECT pg_drop_replication_slot($1)", w.cfg.Slot)
		return
	}
	for name := range w.tables {
		w.db.Exec(remake(name))
	}
}

// each runs statements for each table.
func (w *momentWorld) each(format string) {
	var sql strings.Builder
	for name := range w.tables {
		fmt.Fprintf(&sql, format, name)
	}
	w.db.Exec(sql.String())
}

// schema makes the tables: seven rows to a block, the first blocks free for rows that move.
func (w *momentWorld) schema(d *pgtest.Database) (rules string, truth []string) {
	w.tables = map[string]*momentTable{}
	var ddl strings.Builder
	var names []string
	if w.byKey {
		ddl.WriteString(otherMethod + "SET default_table_access_method = other;")
	}
	rules = "bucket_definitions:\n" + ledgerRules + "  all:\n    data:\n"
	ddl.WriteString(ledgerTable)
	truth = append(truth, ledgerTruth)
	for i, e := range events {
		name := fmt.Sprintf("t%d", i)
		fmt.Fprintf(&ddl, `CREATE TABLE %s (id int PRIMARY KEY, v text, big text) WITH (autovacuum_enabled = off);
			ALTER TABLE %[1]s ALTER big SET STORAGE EXTERNAL, ALTER v SET STORAGE PLAIN;
			INSERT INTO %[1]s SELECT i, repeat('v', 1000) || i, repeat(md5(i::text), 100) FROM generate_series(1, 40) i; DELETE FROM %[1]s WHERE id <= 10;`, name)
		names = append(names, name)
		w.tables[name] = &momentTable{event: e.name, sql: fmt.Sprintf(e.sql, name) + ";" + ledgerTransaction(rand.New(rand.NewPCG(uint64(i), 1)))}
		rules += fmt.Sprintf("      - SELECT id, v, big FROM %s\n", name)
		truth = append(truth, fmt.Sprintf("SELECT '%s', id, json_build_object('id', id, 'v', v, 'big', big) FROM %[1]s", name))
	}
	d.Exec(ddl.String())
	d.Exec("VACUUM " + strings.Join(names, ", "))
	return rules, truth
}

func (w *momentWorld) step(name string, id buckets.TableID) {
	for _, t := range w.store.Tables("default") {
		if t.ID != id {
			continue
		}
		w.reach(context.Background(), name, t.Relation.Name)
		switch name {
		case stepFence:
			w.atFence(w.tables[t.Relation.Name])
		case stepMarker: // a table that was rewritten begins anew behind what the stream still has of it
			w.goOn.Do(func() { close(w.held) })
		}
	}
}

// reach runs the table's event when its moment has come: with chunks, at the second one, so that some rows are saved, some in flight
// and some not read.
func (w *momentWorld) reach(ctx context.Context, at, table string) {
	if !w.armed {
		return
	}
	e := w.tables[table]
	if e == nil {
		return
	}
	if w.swap && at == stepChunks {
		e.once.Do(func() {
			w.exec(ctx, e, fmt.Sprintf(`BEGIN; UPDATE %s SET id = -1 WHERE id = 20; UPDATE %[1]s SET id = 20 WHERE id = 37;
				UPDATE %[1]s SET id = 37 WHERE id = -1; COMMIT`, table))
			w.follow(ctx)
		})
	}
	if at != w.at {
		return
	}
	chunks := at == "checked" || at == "read" || at == stepSaved
	w.mu.Lock()
	e.seen++
	fire := !e.fired && (!chunks || e.seen == 2)
	e.fired = e.fired || fire
	w.mu.Unlock()
	switch {
	case !fire:
	case at == "checked" && exclusive(e.sql):
		w.pending.Go(func() {
			w.exec(context.Background(), e, e.sql)
			w.over(e)
		})
	default:
		w.exec(ctx, e, e.sql)
		w.follow(ctx)
		w.over(e)
	}
}

func (w *momentWorld) exec(ctx context.Context, e *momentTable, sql string) {
	conn, err := w.app.Acquire(ctx)
	if err != nil {
		w.t.Errorf("%s: %v", e.event, err)
		return
	}
	defer conn.Release()
	for statement := range strings.SplitSeq(sql, ";") {
		if _, err := conn.Exec(ctx, statement); err != nil {
			w.t.Errorf("%s: %v", e.event, err)
		}
	}
}

// over notes that a table's event is: a truncated table can be complete before.
func (w *momentWorld) over(e *momentTable) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e.done = true
}

// happened tells whether all events are over. A table that has nothing to repair never comes to the moments of a repair.
func (w *momentWorld) happened() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.tables {
		if !e.done && w.at != stepRepair && w.at != stepReread {
			return false
		}
	}
	return true
}

// follow lets the stream bring what has happened, if there is a stream and it is not held. There is none yet when generations begin
// because the slot was lost.
func (w *momentWorld) follow(ctx context.Context) {
	if w.cfg.Snapshot.Concurrent && !w.hold && (!w.again || w.remade || w.at != stepBegin) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute) // who stops the source waits for its hooks
		defer cancel()
		w.catchUp(ctx)
	}
}

func (w *momentWorld) holdStream() {
	if w.armed && w.hold {
		<-w.held
	}
}

// atFence lets the stream go on once every table is at its fence.
func (w *momentWorld) atFence(e *momentTable) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.armed || e == nil || e.fence {
		return
	}
	e.fence = true
	if w.fences++; w.fences == len(w.tables) {
		w.goOn.Do(func() { close(w.held) })
	}
}
