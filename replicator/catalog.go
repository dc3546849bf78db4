package replicator

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/syncrules"
)

// table is a relation of the source as the catalog has it now, whether weir can use it or not.
type table struct {
	oid          uint32
	schema, name string // its own
	rootSchema   string // of the topmost table, for a partition; else its own
	rootName     string
	partition    bool
	kind         string // pg_class.relkind
	persistence  string
	method       string   // table access method
	identity     string   // pg_class.relreplident
	secured      bool     // row-level security applies to our role
	readable     bool     // our role may SELECT
	reachable    bool     // our role has USAGE of the schema
	estimate     int64    // rows, from the last ANALYZE; -1: there was none
	bytes        int64    // in the file and its TOAST table, from the same
	shape        string   // see shapeOf
	key          []int16  // attribute numbers, in the order of the index
	member       uint32   // pg_publication_rel.oid of it or of its root; 0 if it is published otherwise or not at all
	flags        string   // the publication's oid and the transaction that last set its flags: ADD TABLE is none of those
	published    bool     // the publication holds it
	list         []string // published columns; nil if the server can't say (14) or it is not published
	filter       string   // row filter of the publication
	columns      []column
}

// column is an attribute of a table.
type column struct {
	name      string
	attnum    int16
	typ       uint32
	typmod    int32
	varlena   bool
	generated string // pg_attribute.attgenerated
	typeName  string // to cast to
}

// shapeOf is an SQL expression for a fingerprint of relation c: all of it that decides what a chunk reads, but for the filenode.
// A chunk is read only while it is what it was when the chunk was planned (architecture 5.4).
const shapeOf = `md5(concat_ws('|', c.oid, c.relkind, c.relpersistence, c.relreplident,
  (SELECT string_agg(relid::oid::text, ',') FROM pg_partition_ancestors(c.oid)),
  (SELECT string_agg(concat_ws(',', a.attnum, quote_ident(a.attname), a.atttypid, a.atttypmod, a.attcollation, a.attgenerated,
          a.attmissingval::text), ';' ORDER BY a.attnum)
   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  (SELECT string_agg(concat_ws(',', i.indexrelid, i.indkey::text, i.indisprimary, i.indisreplident), ';' ORDER BY i.indexrelid)
   FROM pg_index i WHERE i.indrelid = c.oid AND (i.indisprimary OR i.indisreplident))))`

// tablesQuery lists the tables of schemas $1 whose name is in $2 or starts with one of $3, and the leaves of those that are
// partitioned. $4 is the publication. The key is the replica identity index, or the primary key under DEFAULT and FULL; a deferrable
// primary key is no identity, and no key either, since two rows can have the same in the middle of a transaction.
// It locks no table, as pg_partition_tree would: who rewrites one for an hour must not keep weir from looking at all others. And it has all of
// them from one snapshot: such functions see the catalog as it is when they run, so of a leaf that was just made again neither the old one
// nor the new one would be listed.
const tablesQuery = `
WITH RECURSIVE named AS (
  SELECT c.oid, c.relkind, c.relispartition FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND (c.relname = ANY($2) OR c.relname::text ^@ ANY($3))
), tree AS (
  SELECT oid, oid AS root, relkind FROM named WHERE relkind = 'p' AND NOT relispartition
  UNION ALL
  SELECT c.oid, tree.root, c.relkind FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid AND NOT i.inhdetachpending
  JOIN pg_class c ON c.oid = i.inhrelid
), units AS (
  SELECT oid, oid AS root FROM named
  UNION ALL
  SELECT oid, root FROM tree WHERE relkind <> 'p'
)
SELECT c.oid, n.nspname, c.relname, rn.nspname, r.relname, c.relispartition, c.relkind::text, c.relpersistence::text,
       coalesce(am.amname, ''), c.relreplident::text, row_security_active(c.oid),
       coalesce(has_table_privilege(c.oid, 'SELECT'), true), coalesce(has_schema_privilege(c.relnamespace, 'USAGE'), true),
       c.reltuples::bigint,
       (c.relpages + coalesce((SELECT toast.relpages FROM pg_class toast WHERE toast.oid = c.reltoastrelid), 0))::bigint
         * current_setting('block_size')::bigint, ` + shapeOf + `,
       (SELECT (string_to_array(i.indkey::text, ' ')::int2[])[1:i.indnkeyatts] FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND
          CASE c.relreplident WHEN 'i' THEN i.indisreplident WHEN 'd' THEN i.indisprimary AND i.indimmediate
                              WHEN 'f' THEN i.indisprimary AND i.indimmediate ELSE false END),
       coalesce((SELECT max(pr.oid) FROM pg_publication_rel pr JOIN pg_publication p ON p.oid = pr.prpubid
          WHERE p.pubname = $4 AND pr.prrelid IN (SELECT c.oid UNION SELECT relid::oid FROM pg_partition_ancestors(c.oid))), 0::oid),
       coalesce((SELECT p.oid || '/' || p.xmin FROM pg_publication p WHERE p.pubname = $4), '')
FROM units u JOIN pg_class c ON c.oid = u.oid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = u.root JOIN pg_namespace rn ON rn.oid = r.relnamespace LEFT JOIN pg_am am ON am.oid = c.relam
ORDER BY n.nspname, c.relname, r.oid`

const columnsQuery = `
SELECT a.attrelid, a.attname, a.attnum, a.atttypid, a.atttypmod, t.typlen = -1, a.attgenerated::text, format_type(a.atttypid, -1)
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum`

// loadTables reads what the catalog has for d. q is one REPEATABLE READ transaction, so that the parts fit together.
func loadTables(ctx context.Context, q querier, d demand, publication string, version int) ([]*table, error) {
	exact, prefixes := d.names()
	rows, err := q.Query(ctx, tablesQuery, d.schemas(), exact, prefixes, publication)
	if err != nil {
		return nil, fmt.Errorf("read tables: %w", err)
	}
	tables, err := pgx.CollectRows(rows, scanTable)
	if err != nil {
		return nil, fmt.Errorf("read tables: %w", err)
	}
	tables = slices.DeleteFunc(tables, func(t *table) bool { return !d.wants(t) })
	byOID := map[uint32]*table{}
	oids := make([]uint32, 0, len(tables))
	for _, t := range tables {
		byOID[t.oid] = t
		oids = append(oids, t.oid)
	}
	if err := loadColumns(ctx, q, oids, byOID); err != nil {
		return nil, fmt.Errorf("read columns: %w", err)
	}
	if err := loadPublished(ctx, q, oids, byOID, publication, version); err != nil {
		return nil, fmt.Errorf("read publication %q: %w", publication, err)
	}
	return tables, nil
}

// wants leaves out what only looks like a match: a partition is known by its root's name, and comes once as a leaf of it. One that
// the rules name itself stays, as a fault to report.
func (d *demand) wants(t *table) bool {
	matched, exact := d.matches(t.rootSchema, t.rootName)
	if t.partition && t.schema == t.rootSchema && t.name == t.rootName {
		return exact
	}
	return matched
}

func scanTable(row pgx.CollectableRow) (*table, error) {
	t := &table{}
	return t, row.Scan(&t.oid, &t.schema, &t.name, &t.rootSchema, &t.rootName, &t.partition, &t.kind, &t.persistence, &t.method,
		&t.identity, &t.secured, &t.readable, &t.reachable, &t.estimate, &t.bytes, &t.shape, &t.key, &t.member, &t.flags)
}

func loadColumns(ctx context.Context, q querier, oids []uint32, tables map[uint32]*table) error {
	rows, err := q.Query(ctx, columnsQuery, oids)
	if err != nil {
		return err
	}
	var oid uint32
	var c column
	_, err = pgx.ForEachRow(rows, []any{&oid, &c.name, &c.attnum, &c.typ, &c.typmod, &c.varlena, &c.generated, &c.typeName},
		func() error {
			tables[oid].columns = append(tables[oid].columns, c)
			return nil
		})
	return err
}

// streamed lists the columns that the stream carries, in its order. Generated ones are left out below version 18, which
// publishes stored ones if told so; there the publication's list has the answer.
func (t *table) streamed(version int) []column {
	return slices.DeleteFunc(slices.Clone(t.columns), func(c column) bool {
		if c.generated != "" && (version < 180000 || !t.published) {
			return true
		}
		return t.list != nil && !slices.Contains(t.list, c.name)
	})
}

// relation describes t as the stream sends it. types holds the types of all its columns.
func (t *table) relation(types map[uint32]*syncrules.Type, version int) *buckets.Relation {
	rel := &buckets.Relation{
		OID: t.oid, Schema: t.rootSchema, Name: t.rootName, Identity: t.identity[0],
		Published: fmt.Sprintf("%s %d %s", t.flags, t.member, t.filter),
	}
	if t.partition {
		rel.Leaf = ident(t.schema, t.name)
	}
	for _, c := range t.streamed(version) {
		rel.Columns = append(rel.Columns, buckets.Column{
			Name: c.name, Attnum: c.attnum, Type: types[c.typ], Typmod: c.typmod,
			Key: slices.Contains(t.key, c.attnum), Varlena: c.varlena,
		})
		rel.Varlena = rel.Varlena || c.varlena
	}
	return rel
}

// sameRelation tells whether two descriptions mean the same rows, published in the same way: a table that was taken out of the
// publication and put in again, whose row filter changed, or whose publication's flags were set anew may have changed without an event,
// also while weir was down (I13).
func sameRelation(a, b *buckets.Relation) bool { return reflect.DeepEqual(a, b) }
