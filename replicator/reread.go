package replicator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/weirsync/weir/buckets"
)

// How many rows one statement asks for. The rows that have to be read again are the wide ones: how many of them fit into a chunk's bytes
// is found out (I14).
const (
	rereadMin = 16
	rereadMax = 500
)

// errRereadFull says that rows which were asked for are more than a chunk's bytes.
var errRereadFull = errors.New("re-read is full")

// rereadMax is how many rows one statement can ask for: without a key each takes as many parameters as it has columns.
func (u *unit) rereadMax() int {
	const paramsMax = 60000 // of 65535
	return max(1, min(rereadMax, paramsMax/max(1, len(u.rel.Columns))))
}

// rereadAll completes the rows that have the given keys with what the source has of them.
func (s *Source) rereadAll(ctx context.Context, u *unit, t buckets.Table, keys []buckets.Tuple, started buckets.Position) error {
	for size := rereadMin; len(keys) > 0; {
		n := min(size, u.rereadMax(), len(keys))
		rr := &buckets.Reread{Table: t.ID, Generation: t.Generation, Relation: u.rel, Started: started, Keys: keys[:n]}
		bytes, err := s.rereadSome(ctx, u, rr)
		switch {
		case errors.Is(err, errRereadFull):
			size = n / 2
			continue
		case err != nil:
			return err
		case bytes < s.cfg.Snapshot.ChunkBytes/4:
			size = 2 * n
		}
		keys = keys[n:]
	}
	return nil
}

// rereadSome reads the rows that rr asks for, and stores them. It tells how many bytes they are.
func (s *Source) rereadSome(ctx context.Context, u *unit, rr *buckets.Reread) (int64, error) {
	var retry backoff
	for {
		bytes, err := s.tryReread(ctx, u, rr)
		if err == nil || !passing(err) {
			return bytes, err
		}
		if err := retry.wait(ctx); err != nil {
			return 0, err
		}
	}
}

// tryReread does it once. One re-read at a time is in memory, beside the chunks, so that no repair waits for a chunk which waits for a lock.
func (s *Source) tryReread(ctx context.Context, u *unit, rr *buckets.Reread) (bytes int64, err error) {
	if err := s.rereads.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	defer s.rereads.Release(1)
	if rr.Rows, bytes, err = s.reread(ctx, u, rr.Keys); err != nil {
		return 0, err
	}
	s.step(stepReread, rr.Table)
	return bytes, storeErr(ctx, s.store.SaveReread(ctx, rr))
}

// reread reads the rows that have the given keys, in one statement. Rows that are gone are missing from the answer. errRereadFull: they
// are too many; one key never is.
func (s *Source) reread(ctx context.Context, u *unit, keys []buckets.Tuple) (rows []buckets.Tuple, bytes int64, err error) {
	sql, params := rereadSQL(u, keys)
	if !u.keyed() {
		sql, params = equalSQL(u, keys)
	}
	conn, err := s.chunks.Acquire(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("connect to re-read table %s: %w", ident(u.schema, u.name), err)
	}
	defer conn.Release()
	r := &reading{conn: conn.Conn().PgConn(), unit: u, standby: s.cfg.viaStandby()}
	defer r.abort(ctx)
	if err := s.replayed(ctx, conn, s.await); err != nil {
		return nil, 0, err
	}
	if err := r.begin(ctx, 0); err != nil {
		return nil, 0, err
	}
	var memory slab
	selecting, stop := context.WithCancel(ctx)
	defer stop()
	answer := r.conn.ExecParams(selecting, sql, params, nil, nil, nil)
	for answer.NextRow() {
		row := memory.tuple(len(answer.Values()))
		bytes += int64(headSize * len(row))
		for i, value := range answer.Values() {
			row[i] = nil
			if value != nil {
				row[i] = memory.copy(value)
			}
			bytes += int64(len(value))
		}
		if rows = append(rows, row); bytes > s.cfg.Snapshot.ChunkBytes && len(keys) > 1 {
			stop() // costs the connection
			_, _ = answer.Close()
			return nil, 0, errRereadFull
		}
	}
	if _, err := answer.Close(); err != nil {
		return nil, 0, replanned(fmt.Errorf("re-read table %s: %w", ident(u.schema, u.name), err))
	}
	return rows, bytes, r.commit(ctx)
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
// to the store. A row's text tells NULL from an empty text. Without an index to use, one statement reads the table once. More than two that
// are equal mean what two mean, so one row alone is asked for twice at most.
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
	if len(rows) == 1 {
		b.WriteString(" LIMIT 2")
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
