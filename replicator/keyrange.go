package replicator

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/weirsync/weir/buckets"
)

// A table that is kept by another access method than heap has no places that it could be divided by, or none that mean anything to us. It is
// read in the order of its key instead, one chunk behind the other: a chunk goes on behind the last key of the one before. A row whose
// key changes from what has not been read to what has is in the stream, as one is that moves in a heap.

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
		return fmt.Sprintf("(%s) %s (%s)", key, operator, strings.Join(literals, ", "))
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
	rows, err := s.pool.Query(ctx, sql)
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
