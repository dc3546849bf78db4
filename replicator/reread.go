package replicator

import (
	"context"
	"fmt"
	"strings"

	"github.com/weirsync/weir/buckets"
)

// reread reads the rows that have the given keys, in one statement. Rows that are gone are missing from the answer.
func (s *Source) reread(ctx context.Context, u *unit, keys []buckets.Tuple) ([]buckets.Tuple, error) {
	sql, params := rereadSQL(u, keys)
	if !u.keyed() {
		sql, params = equalSQL(u, keys)
	}
	var retry backoff
	for {
		rows, err := s.tryReread(ctx, u, sql, params)
		if err == nil || !locked(err) {
			return rows, err
		}
		if err := retry.wait(ctx); err != nil {
			return nil, err
		}
	}
}

func (s *Source) tryReread(ctx context.Context, u *unit, sql string, params [][]byte) ([]buckets.Tuple, error) {
	conn, err := s.chunks.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to re-read table %s: %w", ident(u.schema, u.name), err)
	}
	defer conn.Release()
	r := &reading{conn: conn.Conn().PgConn(), unit: u}
	defer r.abort(ctx)
	if err := r.begin(ctx, 0); err != nil {
		return nil, err
	}
	var memory slab
	var rows []buckets.Tuple
	answer := r.conn.ExecParams(ctx, sql, params, nil, nil, nil)
	for answer.NextRow() {
		row := memory.tuple(len(answer.Values()))
		for i, value := range answer.Values() {
			row[i] = nil
			if value != nil {
				row[i] = memory.copy(value)
			}
		}
		rows = append(rows, row)
	}
	if _, err := answer.Close(); err != nil {
		return nil, replanned(fmt.Errorf("re-read table %s: %w", ident(u.schema, u.name), err))
	}
	return rows, r.commit(ctx)
}

// rereadSQL selects the published columns of the rows with the given keys. Parameters are texts, cast to the types of the key.
func rereadSQL(u *unit, keys []buckets.Tuple) (string, [][]byte) {
	var names, casts []string
	var at []int
	for i := range u.rel.Columns {
		if u.rel.Columns[i].Key {
			names = append(names, ident(u.rel.Columns[i].Name))
			casts = append(casts, u.castOf(u.rel.Columns[i].Attnum))
			at = append(at, i)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "SELECT %s FROM ONLY %s WHERE (%s) IN (VALUES ", u.columnList(), ident(u.schema, u.name), strings.Join(names, ", "))
	var params [][]byte
	for k, key := range keys {
		separator := ", ("
		if k == 0 {
			separator = "("
		}
		b.WriteString(separator)
		for i, column := range at {
			if i > 0 {
				b.WriteString(", ")
			}
			params = append(params, key[column])
			fmt.Fprintf(&b, "$%d::text::%s", len(params), casts[i])
		}
		b.WriteString(")")
	}
	b.WriteString(")")
	if u.filter != "" {
		fmt.Fprintf(&b, " AND (%s)", u.filter)
	}
	return b.String(), params
}

// equalSQL selects the rows that are equal to the given ones, as often as they are there. What is compared is what the stream sends, the
// texts of all values: types without an equality have those too, and equal values of different text (1.0 and 1.00) are different rows
// to the store. A row's text tells NULL from an empty text. Without an index to use, one statement reads the table once.
func equalSQL(u *unit, rows []buckets.Tuple) (string, [][]byte) {
	list := u.columnList()
	var b strings.Builder
	fmt.Fprintf(&b, `SELECT %s FROM ONLY %s WHERE ROW(%s)::text COLLATE "C" IN (VALUES `, list, ident(u.schema, u.name), list)
	var params [][]byte
	for k, row := range rows {
		if k > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(ROW(")
		for i := range u.rel.Columns {
			if i > 0 {
				b.WriteString(", ")
			}
			params = append(params, row[i])
			fmt.Fprintf(&b, "$%d::text", len(params))
		}
		b.WriteString(")::text)")
	}
	b.WriteString(")")
	if u.filter != "" {
		fmt.Fprintf(&b, " AND (%s)", u.filter)
	}
	return b.String(), params
}

// castOf is the name of the type of an attribute, as SQL.
func (t *table) castOf(attnum int16) string {
	for _, c := range t.columns {
		if c.attnum == attnum {
			return c.typeName
		}
	}
	return "text"
}
