package replicator

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// publishedQuery says which of the tables $2 the publication $1 holds, as Postgres does. Column lists and row filters came with 15.
const publishedQuery = `
SELECT c.oid, %s FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
WHERE p.pubname = $1 AND c.oid = ANY($2)`

// publishedUnlockedQuery does so without a lock on each table of the publication, as Postgres takes since 16: one that somebody rewrites
// for an hour would keep weir from looking at all others. (Only to read the filter of a table that has one does 17 still lock that.)
// A list or filter is that of the table itself; all of a table's columns are those that are not generated, or stored if 18 is told so.
const publishedUnlockedQuery = `
WITH pub AS (SELECT p.oid, p.puballtables, to_jsonb(p) ->> 'pubgencols' = 's' AS generated FROM pg_publication p WHERE p.pubname = $1)
SELECT c.oid,
       (SELECT array_agg(a.attname ORDER BY a.attnum)::text[] FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND CASE WHEN r.prattrs IS NULL
          THEN a.attgenerated = '' OR a.attgenerated = 's' AND pub.generated ELSE a.attnum = ANY(r.prattrs::int2[]) END),
       coalesce(pg_get_expr(r.prqual, r.prrelid), '')
FROM pub JOIN pg_class c ON c.relkind <> 'p' LEFT JOIN pg_publication_rel r ON r.prpubid = pub.oid AND r.prrelid = c.oid
  AND NOT EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = pub.oid AND s.pnnspid = c.relnamespace)
WHERE c.oid = ANY($2) AND (pub.puballtables AND c.relkind = 'r' AND c.relpersistence = 'p'
  OR EXISTS (SELECT FROM (SELECT c.oid UNION SELECT relid::oid FROM pg_partition_ancestors(c.oid)) t(oid) JOIN pg_class tc ON tc.oid = t.oid
     WHERE t.oid IN (SELECT prrelid FROM pg_publication_rel WHERE prpubid = pub.oid)
       OR tc.relkind IN ('r', 'p') AND tc.relpersistence = 'p'
         AND tc.relnamespace IN (SELECT pnnspid FROM pg_publication_namespace WHERE pnpubid = pub.oid)))`

// publishedIn is the query for a server of a version. One that we don't know yet is asked for what it says itself.
func publishedIn(version int) string {
	switch {
	case version < 150000:
		return fmt.Sprintf(publishedQuery, "NULL::text[], ''")
	case version >= 160000 && version < 190000:
		return publishedUnlockedQuery
	}
	return fmt.Sprintf(publishedQuery, "p.attnames::text[], coalesce(p.rowfilter, '')")
}

// loadPublished fills in what the publication holds of the tables with oids.
func loadPublished(ctx context.Context, q querier, oids []uint32, tables map[uint32]*table, publication string, version int) error {
	rows, err := q.Query(ctx, publishedIn(version), publication, oids)
	if err != nil {
		return err
	}
	var oid uint32
	var list []string
	var filter string
	_, err = pgx.ForEachRow(rows, []any{&oid, &list, &filter}, func() error {
		t := tables[oid]
		t.published, t.list, t.filter = true, slices.Clone(list), filter
		return nil
	})
	return err
}
