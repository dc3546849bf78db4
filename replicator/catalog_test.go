package replicator

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/replicator/pgtest"
)

// TestPublishedAsPostgresSays: what we make of the catalog, for the sake of locks, is what Postgres makes of it.
func TestPublishedAsPostgresSays(t *testing.T) {
	d := pgtest.New(t)
	s := connected(t, newConfig(d))
	version := int(s.version.Load())
	if version < 160000 {
		if q := publishedIn(version); !strings.Contains(q, "pg_publication_tables") {
			t.Errorf("Postgres is not asked for what it says itself, but\n%s", q)
		}
		return
	}
	d.Exec(`
		CREATE SCHEMA a; CREATE SCHEMA b;
		CREATE TABLE a.plain (id int PRIMARY KEY, v text, gone text, twice int GENERATED ALWAYS AS (id * 2) STORED);
		ALTER TABLE a.plain DROP gone;
		CREATE TABLE b.other (id int PRIMARY KEY, v text);
		CREATE UNLOGGED TABLE a.unlogged (id int PRIMARY KEY);
		CREATE VIEW a.view AS SELECT * FROM a.plain;
		CREATE TABLE a.root (id int, at int, v text) PARTITION BY RANGE (id);
		CREATE TABLE a.leaf PARTITION OF a.root FOR VALUES FROM (1) TO (2);
		CREATE TABLE a.branch PARTITION OF a.root FOR VALUES FROM (2) TO (9) PARTITION BY RANGE (at);
		CREATE TABLE b.twig PARTITION OF a.branch FOR VALUES FROM (1) TO (2)`)
	publications := []string{
		"FOR ALL TABLES",
		"FOR TABLE a.plain, b.other",
		"FOR TABLE a.plain (v, id) WHERE (id > 5)",
		"FOR TABLE a.root",
		"FOR TABLE a.branch, a.leaf WHERE (at > 2)",
		"FOR TABLES IN SCHEMA a",
		"FOR TABLES IN SCHEMA b",
		"FOR TABLE a.plain WHERE (id > 5), TABLES IN SCHEMA a",
		"",
	}
	if version >= 180000 {
		publications = append(publications, "FOR TABLE a.plain (id, twice)", "FOR TABLE a.plain WITH (publish_generated_columns = stored)",
			"FOR ALL TABLES WITH (publish_generated_columns = stored)")
	}
	for _, p := range publications {
		d.Exec("DROP PUBLICATION IF EXISTS p; CREATE PUBLICATION p " + p)
		want := publishedAs(t, s, 150000) // that asks Postgres
		if got := publishedAs(t, s, version); !cmp.Equal(got, want) {
			t.Errorf("%s (-want +got):\n%s", p, cmp.Diff(want, got))
		}
		if len(want) == 0 != (p == "") {
			t.Errorf("%s: %v", p, want)
		}
	}
}

// publishedAs lists what publication p holds, as servers of a version are asked.
func publishedAs(t *testing.T, s *Source, version int) (out []string) {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname IN ('a', 'b')")
	if err != nil {
		t.Fatal(err)
	}
	oids, err := pgx.CollectRows(rows, pgx.RowTo[uint32])
	if err != nil {
		t.Fatal(err)
	}
	rows, err = s.pool.Query(t.Context(), publishedIn(version), "p", oids)
	if err != nil {
		t.Fatal(err)
	}
	var name, filter string
	var list []string
	_, err = pgx.ForEachRow(rows, []any{&name, &list, &filter}, func() error {
		out = append(out, name+" ("+strings.Join(list, ", ")+") "+filter)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// TestCatalogWaitsForNoLock: who has a table to himself, to rewrite it, keeps nobody from looking at what there is.
func TestCatalogWaitsForNoLock(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(`
		CREATE TABLE plain (id int PRIMARY KEY, v text);
		CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id);
		CREATE TABLE leaf PARTITION OF root FOR VALUES FROM (1) TO (9)`)
	s := connected(t, newConfig(d))
	want := published(t, s, patterns("plain", "root"))
	other := d.Connect(t)
	execOn(t, other, "BEGIN; LOCK TABLE plain, root, leaf IN ACCESS EXCLUSIVE MODE")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got, err := s.makePlan(ctx, want.demand)
	if err != nil {
		t.Fatal(err)
	}
	if len(want.units) != 2 || len(got.units) != 2 || len(got.missing) != 0 || len(got.faults) != 0 {
		t.Errorf("got %d tables, %d missing, faults %v; want the 2 there were (%d)", len(got.units), len(got.missing), got.faults, len(want.units))
	}
}

// TestCatalogOfOneMoment: tables and leaves that are made again while the catalog is read are seen as they were before, never as gone.
func TestCatalogOfOneMoment(t *testing.T) {
	d := pgtest.New(t)
	const leaf = "CREATE TABLE parted_b PARTITION OF parted FOR VALUES FROM (100) TO (200)"
	d.Exec(itemTable + `CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE parted_a PARTITION OF parted FOR VALUES FROM (0) TO (100)
		PARTITION BY RANGE (id); CREATE TABLE parted_aa PARTITION OF parted_a DEFAULT;` + leaf)
	cfg := newConfig(d)
	d.Exec("CREATE PUBLICATION " + ident(cfg.Publication) + " FOR TABLE items, parted")
	s := connected(t, cfg)
	tx, err := d.Connect(t).BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	read := func() (seen []string) {
		t.Helper()
		tables, err := loadTables(t.Context(), tx, patterns("items", "parted"), cfg.Publication, int(s.version.Load()))
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			if !table.readable || !table.reachable {
				t.Errorf("table %s can't be read", table.name)
			}
			seen = append(seen, table.name+" of "+table.rootName)
		}
		return seen
	}
	before := read()
	if want := "items of items, parted of parted, parted_aa of parted, parted_b of parted"; strings.Join(before, ", ") != want {
		t.Fatalf("tables %v, want %s", before, want)
	}
	d.Exec("SET lock_timeout = '5s'; DROP TABLE parted_b, items; " + leaf + "; " + itemTable)
	if diff := cmp.Diff(before, read()); diff != "" {
		t.Errorf("tables in the same snapshot (-before +after they were made again):\n%s", diff)
	}
}
