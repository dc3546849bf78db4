package main

import (
	"context"
	"fmt"
)

// The tables. All but bench_wide have the same shape.
const (
	items  = "bench_items"  // as many rows as asked for, spread evenly over owners
	served = "bench_served" // owners with many rows, with few, and one for each client
	tenth  = "bench_tenth"  // like bench_items, a tenth of its rows
	many   = "bench_many"   // like bench_items, of many owners with few rows
	wide   = "bench_wide"   // rows of a MiB
)

// Owners in bench_served that are no clients' own.
const (
	ownerLarge = 100_001
	ownerSmall = 100_002
)

// user returns the user whose buckets are those of an owner.
func user(owner int) string { return fmt.Sprintf("u%d", owner) }

// itemsShape is the table of the targets. The bodies are half prose and half noise: they compress, but not to nothing.
const itemsShape = `(
	id uuid PRIMARY KEY,
	owner_id int NOT NULL,
	title text NOT NULL,
	body text NOT NULL,
	done bool NOT NULL,
	created_at timestamptz NOT NULL
)`

// fillQuery makes rows whose number i runs from %d to %d; %s is the owner. The id follows from i, so that writers know it.
const fillQuery = `INSERT INTO %[1]s
SELECT md5(i::text)::uuid, %[4]s, rpad('Item ' || i || ' ' || md5('t' || i), 40, ' of the list'),
	'Remember to call the supplier about the order; ' || md5('a' || i) ||
	'; then see to the delivery, the invoice and the ' || md5('b' || i) || ' which ' || (i * 7 %% 1000) || ' of them still want',
	i %% 3 = 0, timestamptz '2026-01-01' + i * interval '1 second'
FROM generate_series(%[2]d, %[3]d) i;
`

// wideQuery makes %[2]d rows of a MiB, each of 4 KiB of noise that is repeated.
const wideQuery = `CREATE TABLE %[1]s (id int PRIMARY KEY, body text NOT NULL);
ALTER TABLE %[1]s ALTER body SET STORAGE EXTERNAL;
INSERT INTO %[1]s SELECT i, repeat((SELECT string_agg(md5(i || '.' || j), '') FROM generate_series(1, 128) j), 256) FROM generate_series(1, %[2]d) i;
`

// idOf is the SQL of the id of row i.
const idOf = "md5((%s)::text)::uuid"

// need makes a table unless it is there.
func (b *bench) need(ctx context.Context, table string) error {
	if b.pg.tables[table] {
		return nil
	}
	b.progress.step("fill %s", table)
	sql := "CREATE TABLE " + table + itemsShape + ";\n"
	switch table {
	case served:
		sql += b.sizes.fillServed()
	case wide:
		sql = fmt.Sprintf(wideQuery, wide, b.sizes.wide)
	default:
		sql += fmt.Sprintf(fillQuery, table, 1, b.sizes.rowsOf(table), fmt.Sprintf("i %% %d", b.sizes.ownersOf(table)))
	}
	if err := b.pg.exec(ctx, sql); err != nil {
		return err
	}
	if err := b.needOwners(ctx); err != nil {
		return err
	}
	b.pg.tables[table] = true
	return b.pg.exec(ctx, "VACUUM ANALYZE "+table) // as autovacuum would later, in the middle of a measurement
}

// rowsOf is how many rows a table other than bench_served has.
func (s sizes) rowsOf(table string) int {
	switch table {
	case tenth:
		return min(100_000, s.rows/10)
	case wide:
		return s.wide
	}
	return s.rows
}

// ownersOf is over how many owners they are spread.
func (s sizes) ownersOf(table string) int {
	if table == many {
		return min(100_000, s.rows/10)
	}
	return s.owners
}

// fillServed numbers the rows from 1: first those of the large bucket, then of the small one, then of each client.
func (s sizes) fillServed() string {
	last := s.large + s.own
	return fmt.Sprintf(fillQuery, served, 1, s.large, fmt.Sprint(ownerLarge)) +
		fmt.Sprintf(fillQuery, served, s.large+1, last, fmt.Sprint(ownerSmall)) +
		fmt.Sprintf(fillQuery, served, last+1, last+s.users()*s.own, fmt.Sprintf("(i - %d) / %d", last+1, s.own))
}

// firstOf is the number of the first row that an owner has in bench_served.
func (s sizes) firstOf(owner int) int {
	switch owner {
	case ownerLarge:
		return 1
	case ownerSmall:
		return s.large + 1
	}
	return s.large + s.own + 1 + owner*s.own
}

// needOwners makes the table that says which owner a user is.
func (b *bench) needOwners(ctx context.Context) error {
	if b.pg.tables["bench_owners"] {
		return nil
	}
	err := b.pg.exec(ctx, fmt.Sprintf(`CREATE TABLE bench_owners (id int PRIMARY KEY, user_id text NOT NULL);
		INSERT INTO bench_owners SELECT i, 'u' || i FROM generate_series(0, %d) i;
		INSERT INTO bench_owners VALUES (%d, '%s'), (%d, '%s')`,
		b.sizes.users()-1, ownerLarge, user(ownerLarge), ownerSmall, user(ownerSmall)))
	b.pg.tables["bench_owners"] = err == nil
	return err
}
