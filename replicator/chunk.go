package replicator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weirsync/weir/buckets"
)

var (
	// errReplan says that a table is not any more what its plan was made for: another generation has to begin.
	errReplan = errors.New("the table changed under its snapshot")

	errChunkFull = errors.New("chunk is full")
)

// chunkLockTimeout keeps a chunk from queueing long behind DDL, where the application's statements would queue behind it.
const chunkLockTimeout = "500ms"

// checkQuery reads, after the lock and in a statement of its own (so with a snapshot that is younger than the lock), what the chunk
// must find unchanged.
const checkQuery = `SELECT pg_relation_filenode(c.oid), ` + shapeOf + ` FROM pg_class c WHERE c.oid = %s::regclass`

// reading is one short transaction that reads a table (architecture 5.4). The order of its statements is what makes it
// right: the lock first, or another session could rewrite the table between check and read; then the check; then the read; then a message,
// whose commit flushes every commit that the read has seen, so that a crash of the source can't take back what was stored here.
type reading struct {
	conn *pgconn.PgConn
	unit *unit

	foreign bool // a condition that somebody gave is evaluated
	standby bool // what is read is a standby
}

// begin locks the table and compares it with the plan. filenode 0 is not compared.
func (r *reading) begin(ctx context.Context, filenode uint32) error {
	name := ident(r.unit.schema, r.unit.name)
	mode := ""
	if r.foreign {
		mode = " READ ONLY; SET LOCAL statement_timeout = '" + conditionTimeout + "'"
	}
	sql := "BEGIN ISOLATION LEVEL READ COMMITTED" + mode + "; SET LOCAL lock_timeout = '" + chunkLockTimeout + "';" +
		"LOCK TABLE ONLY " + name + " IN ACCESS SHARE MODE;" +
		fmt.Sprintf(checkQuery, literal(name))
	results, err := r.conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return replanned(fmt.Errorf("lock table %s: %w", name, err))
	}
	last := results[len(results)-1]
	if len(last.Rows) != 1 {
		return errReplan
	}
	row := last.Rows[0]
	if string(row[1]) != r.unit.shape || filenode != 0 && string(row[0]) != strconv.FormatUint(uint64(filenode), 10) {
		return errReplan
	}
	return nil
}

// commit ends the reading. Rows count only once it returned nil. A standby shows nothing that its primary has not flushed, and can write no
// message; one that has been promoted meanwhile showed more.
func (r *reading) commit(ctx context.Context) error {
	last := "SELECT pg_logical_emit_message(true, '" + MessagePrefix + "', '" + chunkContent + "')"
	if r.standby {
		last = "SELECT pg_is_in_recovery()"
	}
	results, err := r.conn.Exec(ctx, last+"; COMMIT").ReadAll()
	if err != nil {
		return fmt.Errorf("commit read of table %s: %w", ident(r.unit.schema, r.unit.name), err)
	}
	if r.standby && string(results[0].Rows[0][0]) != "t" {
		return promoted()
	}
	return nil
}

// abort ends a reading that failed, so that its lock doesn't stay.
func (r *reading) abort(ctx context.Context) {
	if r.conn.IsClosed() || r.conn.TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if _, err := r.conn.Exec(ctx, "ROLLBACK").ReadAll(); err != nil {
		_ = r.conn.Close(ctx) // the pool throws it away
	}
}

// replanned turns errors that only DDL causes into errReplan.
func replanned(err error) error {
	switch code(err) {
	case "42P01", "42703", "42809", "3F000": // undefined table, column; not a table any more; undefined schema
		return errReplan
	}
	return err
}

// physicalOrder has rows come in the order of their places, which a cut chunk goes on in: not from where another scan of the table is, not
// from several workers, and not by an index, which the publication's row filter could ask for.
const physicalOrder = "SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0;" +
	"SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off"

// span is a range of rows: in their physical order or, of a table that is no heap, in the order of its key.
type span struct {
	start tid
	end   uint32 // block behind the last one

	after [][]byte // by key: values of the key before the first, nil for none
	until [][]byte // by key: of the last one; nil for no rows
	rows  int      // by key: so many, fewer only at the end
}

// chunk is what one reading brought.
type chunk struct {
	rows  []buckets.Tuple
	bytes int64
	cut   bool // the limit was met: rows from next on, or behind after, are left
	next  tid
	after [][]byte
}

// readChunk reads the rows of sp, and cuts before limit bytes are exceeded (but takes one row at least).
func (s *Source) readChunk(ctx context.Context, u *unit, p *progress, sp span, limit int64) (*chunk, error) {
	conn, err := s.chunks.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to read table %s: %w", ident(u.schema, u.name), err)
	}
	defer conn.Release()
	r := &reading{conn: conn.Conn().PgConn(), unit: u, foreign: p.Where != "", standby: s.cfg.viaStandby()}
	defer r.abort(ctx)
	if err := s.replayed(ctx, conn, s.await); err != nil {
		return nil, err
	}
	if err := r.begin(ctx, p.Filenode); err != nil {
		return nil, err
	}
	if hook := s.cfg.hooks.chunkChecked; hook != nil {
		hook(ctx, u.rel)
	}
	sql := copyKeys(u, sp, p.Where)
	if u.heap() {
		sql = copyPlaces(u, sp, p.Where)
		if _, err := r.conn.Exec(ctx, physicalOrder).ReadAll(); err != nil {
			return nil, fmt.Errorf("set the order of rows: %w", err)
		}
	}
	buf := &chunkBuffer{columns: len(u.rel.Columns), limit: limit, last: sp.start, places: u.heap()}
	_, err = r.conn.CopyTo(ctx, buf, sql)
	c := &chunk{rows: buf.rows, bytes: buf.bytes, next: tid{Block: sp.end}, after: u.lastKey(buf.rows, sp.after)}
	switch {
	case errors.Is(err, errChunkFull):
		c.cut, c.next = true, tid{buf.last.Block, buf.last.Offset + 1}
		return c, s.flushSeen(ctx)
	case err != nil:
		return nil, replanned(fmt.Errorf("copy table %s: %w", ident(u.schema, u.name), err))
	}
	return c, r.commit(ctx)
}

// flushSeen does what commit does for a reading whose connection is lost, as leaving COPY early costs it: another transaction flushes what
// that one has seen.
func (s *Source) flushSeen(ctx context.Context) error {
	if !s.cfg.viaStandby() {
		return emitMarker(ctx, s.pool, chunkContent)
	}
	_, recovering, err := readReplay(ctx, s.slots)
	if err == nil && !recovering {
		return promoted()
	}
	return err
}

// copyPlaces is the COPY of the rows of sp, each behind its place, that meet a condition, which was checked (checkCondition); "" for all.
func copyPlaces(u *unit, sp span, where string) string {
	return fmt.Sprintf("COPY (SELECT ctid, %s FROM ONLY %s WHERE ctid >= '%s' AND ctid < '(%d,0)'%s) TO STDOUT",
		u.columnList(), ident(u.schema, u.name), sp.start, sp.end, u.conditions(where))
}

// conditions are what else rows have to meet: the publication's row filter, and where.
func (u *unit) conditions(where string) string {
	var b strings.Builder
	if u.filter != "" {
		fmt.Fprintf(&b, " AND (%s)", u.filter)
	}
	if where != "" {
		fmt.Fprintf(&b, " AND (%s\n)", where) // the line break ends a comment
	}
	return b.String()
}

// columnList names the columns that the stream carries.
func (u *unit) columnList() string {
	names := make([]string, 0, len(u.rel.Columns))
	for i := range u.rel.Columns {
		names = append(names, ident(u.rel.Columns[i].Name))
	}
	return strings.Join(names, ", ")
}

// chunkBuffer collects the rows of a COPY. Each Write is one row: Postgres sends them so.
type chunkBuffer struct {
	columns int
	limit   int64
	places  bool // each row comes behind its place

	slab  slab
	rows  []buckets.Tuple
	bytes int64
	last  tid // of the newest row
}

func (b *chunkBuffer) Write(line []byte) (int, error) {
	size := int64(len(line) + headSize*(b.columns+2))
	if b.bytes+size > b.limit && len(b.rows) > 0 {
		return 0, errChunkFull
	}
	values := b.slab.values(b.columns + 1)
	row := values[1:]
	if !b.places {
		values = row
	}
	if err := splitCopy(b.slab.copy(line), values); err != nil {
		return 0, err
	}
	if b.places {
		if err := b.moveOn(values[0]); err != nil {
			return 0, err
		}
	}
	b.rows = append(b.rows, row)
	b.bytes += size
	return len(line), nil
}

// moveOn notes the place of a row. Cutting relies on the order; it would lose rows if a scan began elsewhere.
func (b *chunkBuffer) moveOn(place []byte) error {
	at, err := parseTID(place)
	if err != nil {
		return err
	}
	if at.less(b.last) {
		return fmt.Errorf("%w: rows out of order", errCopyFormat)
	}
	b.last = at
	return nil
}

// parseTID reads (block,offset).
func parseTID(text []byte) (tid, error) {
	inner, ok := bytes.CutPrefix(text, []byte("("))
	inner, ok2 := bytes.CutSuffix(inner, []byte(")"))
	block, offset, ok3 := bytes.Cut(inner, []byte(","))
	b, err1 := strconv.ParseUint(string(block), 10, 32)
	o, err2 := strconv.ParseUint(string(offset), 10, 16)
	if !ok || !ok2 || !ok3 || err1 != nil || err2 != nil {
		return tid{}, fmt.Errorf("%w: no row identifier", errCopyFormat)
	}
	return tid{uint32(b), uint16(o)}, nil
}

// literal quotes a text for SQL.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// layout is a table's file, and where the table ends.
type layout struct {
	filenode uint32
	blocks   uint32 // 0 if rows are read by key
	bytes    int64  // with TOAST

	last      [][]byte // by key: the last one, nil for none
	quantiles []string // by key: see readQuantiles
}

func (s *Source) readLayout(ctx context.Context, u *unit) (layout, error) {
	var l layout
	err := s.slots.QueryRow(ctx, `SELECT pg_relation_filenode($1), pg_relation_size($1) / current_setting('block_size')::int,
		pg_table_size($1)`, u.oid).Scan(&l.filenode, &l.blocks, &l.bytes)
	var scan pgx.ScanArgError
	if errors.As(err, &scan) { // null: it is gone
		return l, errReplan
	}
	if err != nil || u.heap() {
		return l, err
	}
	l.blocks = 0
	if l.last, err = s.readLastKey(ctx, u); err != nil {
		return l, replanned(err)
	}
	l.quantiles, err = s.readQuantiles(ctx, u)
	return l, err
}
