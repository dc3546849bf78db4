package replicator

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirsync/weir/replicator/pgtest"
)

const namesRules = `
bucket_definitions:
  all:
    data:
      - SELECT id, "Some ""value""" AS v FROM "Odd schema"."It's a ""table""" AS odd
      - SELECT id, v FROM plain.items
      - SELECT id, v FROM "order" AS reserved
`

const namesTables = `
CREATE SCHEMA "Odd schema";
CREATE SCHEMA plain;
CREATE TABLE "Odd schema"."It's a ""table""" (id int, "The, key)" text, "Some ""value""" text, PRIMARY KEY ("The, key)", id));
ALTER TABLE "Odd schema"."It's a ""table""" ALTER "Some ""value""" SET STORAGE EXTERNAL;
INSERT INTO "Odd schema"."It's a ""table""" SELECT i, E'k''\\' || i, repeat(md5(i::text), 100) FROM generate_series(1, 100) i;
CREATE TABLE plain.items (id int PRIMARY KEY, v text);
INSERT INTO plain.items VALUES (1, 'in schema plain');
CREATE TABLE items (id int PRIMARY KEY, v text);
INSERT INTO items VALUES (1, 'in schema public');
CREATE TABLE "order" (id int PRIMARY KEY, v text);
INSERT INTO "order" VALUES (1, 'a');
`

var namesTruth = []string{
	`SELECT 'odd', id, json_build_object('id', id, 'v', "Some ""value""") FROM "Odd schema"."It's a ""table"""`,
	"SELECT 'items', id, json_build_object('id', id, 'v', v) FROM plain.items",
	`SELECT 'reserved', id, json_build_object('id', id, 'v', v) FROM "order"`,
}

// TestNames: names that have to be quoted and names in other schemas work on every path: publication, chunk, stream and re-read.
func TestNames(t *testing.T) {
	modes(t, func(t *testing.T, mode func(*Config)) {
		d := pgtest.New(t)
		d.Exec(namesTables)
		w := newWorld(t, d, namesRules, mode)
		w.start()
		w.compare(namesTruth...)
		d.Exec(`UPDATE "Odd schema"."It's a ""table""" SET id = id + 1000 WHERE id % 10 = 0; UPDATE plain.items SET v = 'x'; UPDATE items SET v = 'y';
			UPDATE "Odd schema"."It's a ""table""" SET "The, key)" = "The, key)" || E'"\\' WHERE id % 7 = 0;
			INSERT INTO "order" VALUES (2, 'b'); DELETE FROM "Odd schema"."It's a ""table""" WHERE id = 1`)
		w.compare(namesTruth...)
	})
}

// TestSchemaRenamed: Postgres describes no table of a schema anew when that gets another name. Its rows go and come back with the name, and
// the table is then at rest.
func TestSchemaRenamed(t *testing.T) {
	const truth = "SELECT 'items', id, json_build_object('id', id, 'v', v) FROM plain.items"
	var looks atomic.Int64
	d := pgtest.New(t)
	d.Exec("CREATE SCHEMA plain; CREATE TABLE plain.items (id int PRIMARY KEY, v text); INSERT INTO plain.items VALUES (1, 'a'), (2, 'b')")
	w := newWorld(t, d, "bucket_definitions:\n  all:\n    data: [\"SELECT id, v FROM plain.items\"]\n", func(cfg *Config) {
		cfg.CatalogPoll = 20 * time.Millisecond
		cfg.hooks.planning = func(context.Context) { looks.Add(1) }
	})
	w.start()
	w.compare(truth)
	d.Exec("ALTER SCHEMA plain RENAME TO away; UPDATE away.items SET v = 'unseen' WHERE id = 1")
	w.until(func() bool { return w.complete() && len(w.rows()) == 0 })
	d.Exec("ALTER SCHEMA away RENAME TO plain; UPDATE plain.items SET v = 'seen' WHERE id = 2")
	w.until(func() bool { return w.complete() && len(w.rows()) == 2 })
	w.compare(truth)
	generation := w.store.Tables("default")[0].Generation
	d.Exec("UPDATE plain.items SET v = 'later' WHERE id = 1")
	w.compare(truth)
	from := looks.Load()
	w.until(func() bool { return looks.Load() > from+5 })
	if got := w.store.Tables("default")[0].Generation; got != generation {
		t.Errorf("generation %d, was %d: nothing happened since", got, generation)
	}
}
