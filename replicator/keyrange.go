package replicator

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/buckets"
)

// A table that is kept by another access method than heap has no places that it could be divided by, or none that mean anything to us. It is
// read in the order of its key instead: a chunk goes on behind the last key of the one before. Sections are divided by what ANALYZE knows of
// the key's first column. A row whose key changes from what has not been read to what has is in the stream, as one is that moves in a heap.

// heap tells whether rows have places.
func (t *table) heap() bool { return t.method == "heap" }

// copyKeys is the COPY of the rows of sp, in the order of the key's index, that meet a condition; "" for all.
func copyKeys(u *unit, sp span, where string) string {
	names, casts := u.keyColumns()
	key := strings.Join(names, ", ")
	compare := func(operator string, values [][]byte) string {
		literals := make([]string, 0, len(values))
		for i, v := range values {
			literals = append(literals, literal(string(v))+"::"+casts[i])
		}
		return fmt.Sprintf("(%s) %s (%s)", strings.Join(names[:len(values)], ", "), operator, strings.Join(literals, ", "))
	}
	within := "false"
	if sp.until != nil {
		within = compare("<=", sp.until)
	}
	if sp.after != nil {
		within += " AND " + compare(">", sp.after)
	}
	return fmt.Sprintf("COPY (SELECT %s FROM ONLY %s WHERE %s%s ORDER BY %s LIMIT %d) TO STDOUT",
		u.columnList(), ident(u.schema, u.name), within, u.conditions(where), key, sp.rows)
}

// keyColumns are the key's columns and their types, as SQL, in the order of its index.
func (t *table) keyColumns() (names, casts []string) {
	for _, attnum := range t.key {
		for _, c := range t.columns {
			if c.attnum == attnum {
				names, casts = append(names, ident(c.name)), append(casts, c.typeName)
			}
		}
	}
	return names, casts
}

// readLastKey reads the last key that the table has, nil if it is empty.
func (s *Source) readLastKey(ctx context.Context, u *unit) ([][]byte, error) {
	names, _ := u.keyColumns()
	sql := fmt.Sprintf("SELECT r.%s::text FROM ONLY %s AS r ORDER BY r.%s DESC LIMIT 1", // by columns, not by their texts
		strings.Join(names, "::text, r."), ident(u.schema, u.name), strings.Join(names, " DESC, r."))
	rows, err := s.slots.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var key [][]byte
	for rows.Next() {
		for _, v := range rows.RawValues() {
			key = append(key, bytes.Clone(v))
		}
	}
	return key, rows.Err()
}

// sectionRowsMin keeps small tables that are read by key in one piece.
const sectionRowsMin = 8192

// readQuantiles reads values between which about as many rows are each, of the key's first column and in its order. There are none where
// the table was never analyzed, or has few values. They may be old: sections are then of unequal size, and cover the table all the same.
func (s *Source) readQuantiles(ctx context.Context, u *unit) ([]string, error) {
	rows, err := s.slots.Query(ctx, `SELECT unnest(histogram_bounds::text::text[])
		FROM pg_stats s JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = $2 AND s.attname = a.attname
		WHERE s.schemaname = $3 AND s.tablename = $4 AND NOT s.inherited`, u.oid, u.key[0], u.schema, u.name)
	if err != nil {
		return nil, fmt.Errorf("read statistics of table %s: %w", ident(u.schema, u.name), err)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read statistics of table %s: %w", ident(u.schema, u.name), err)
	}
	return values, nil
}

// keySections divides a table of about so many rows into n sections at most, each of which begins behind the end of the one before. The last
// one ends where the table does (newProgress). That any key up to there is in one of them does not depend on the order of the quantiles.
func keySections(l layout, rows int64, n int) []section {
	n = min(n, int(rows/sectionRowsMin), len(l.quantiles)-1)
	var out []section
	var after [][]byte
	for i := 1; i < n; i++ {
		cut := [][]byte{[]byte(l.quantiles[i*(len(l.quantiles)-1)/n])}
		out = append(out, section{After: after, Until: cut})
		after = cut
	}
	return append(out, section{After: after, Until: l.last})
}

// lastKey is a copy of the key of the last of rows, or before if there is none.
func (u *unit) lastKey(rows []buckets.Tuple, before [][]byte) [][]byte {
	if u.heap() || len(rows) == 0 {
		return before
	}
	last := rows[len(rows)-1]
	var key [][]byte
	for _, attnum := range u.key {
		for i := range u.rel.Columns {
			if u.rel.Columns[i].Attnum == attnum {
				key = append(key, bytes.Clone(last[i]))
			}
		}
	}
	return key
}
