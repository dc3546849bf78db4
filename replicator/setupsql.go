package replicator

import (
	"fmt"
	"strings"

	"github.com/weirsync/weir/syncrules"
)

// SetupSQL is the SQL by which a DBA prepares a database for a weir whose role owns nothing and may only read: role, grants,
// publication, and the function by which weir adds tables to it (not if c.Manual). It connects to nothing. The user is that of the
// uri, or of the primary's uri if there is one; patterns are the tables that the rules name. The statements can be run again after the
// rules have changed.
func SetupSQL(c Config, patterns []syncrules.TablePattern) (string, error) {
	uri, err := parseURI(c.control())
	if err != nil {
		return "", &Fault{Code: CodeURI, Message: err.Error()}
	}
	user, pub := ident(uri.User), ident(c.Publication)
	var b strings.Builder
	fmt.Fprintf(&b, `-- Prepares database %[1]s for weir. Run it there as the owner of the tables, who has to be a superuser for the role only.
-- The server needs wal_level = logical: ALTER SYSTEM SET wal_level = logical; then restart Postgres.

DO $weir$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = %[2]s) THEN
    CREATE ROLE %[3]s LOGIN REPLICATION; -- and give it a password: \password, or ALTER ROLE ... PASSWORD
  END IF;
END $weir$;
GRANT CONNECT ON DATABASE %[1]s TO %[3]s;
`, ident(uri.Database), literal(uri.User), user)
	for _, schema := range (&demand{patterns: patterns}).schemas() {
		fmt.Fprintf(&b, "GRANT USAGE ON SCHEMA %s TO %s;\n", ident(schema), user)
	}
	fmt.Fprintf(&b, `
DO $weir$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = %s) THEN
    CREATE PUBLICATION %s WITH (%s);
  END IF;
END $weir$;
`, literal(c.Publication), pub, publishOptions)
	if len(patterns) > 0 {
		fmt.Fprintf(&b, tablesSQL, values(patterns), literal(uri.User), literal(c.Publication))
	}
	if !c.Manual {
		b.WriteString("\n-- By this function weir adds tables to the publication when the rules change, though it owns neither.\n")
		fmt.Fprintf(&b, publishFunction, ident(publishSchema), ident(publishSchema, c.Publication), literal(c.Publication), user)
	}
	if c.viaStandby() {
		fmt.Fprintf(&b, "\n-- So that the slot on the standby is made at once, also while nothing is written. Only a superuser can grant it.\n"+
			"GRANT EXECUTE ON FUNCTION pg_log_standby_snapshot() TO %s;\n", user)
	}
	fmt.Fprintf(&b, `
-- Replication slot %s is made by weir itself when it first starts: there is nothing to do.
`, c.Slot)
	return b.String(), nil
}

// tablesSQL grants and publishes. Weir reads the partitions of a table one by one, so it needs the right to each.
const tablesSQL = `
-- The tables that the rules name, a name that ends in %% for all that begin so, with their partitions.
DO $weir$
DECLARE t record;
BEGIN
  FOR t IN
    SELECT DISTINCT u.relid::regclass AS name, u.relid = c.oid AS top FROM (VALUES %[1]s) AS w(nsp, rel, prefix)
    JOIN pg_namespace n ON n.nspname = w.nsp
    JOIN pg_class c ON c.relnamespace = n.oid AND (c.relname = w.rel OR w.prefix AND c.relname::text ^@ w.rel),
    LATERAL (SELECT c.oid UNION SELECT relid FROM pg_partition_tree(c.oid)) AS u(relid)
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  LOOP
    EXECUTE format('GRANT SELECT ON %%s TO %%I', t.name, %[2]s);
    IF t.top AND NOT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
                             WHERE p.pubname = %[3]s AND r.prrelid = t.name) THEN
      EXECUTE format('ALTER PUBLICATION %%I ADD TABLE ONLY %%s', %[3]s, t.name);
    END IF;
  END LOOP;
END $weir$;
`

// values lists patterns as rows.
func values(patterns []syncrules.TablePattern) string {
	rows := make([]string, len(patterns))
	for i, p := range patterns {
		rows[i] = fmt.Sprintf("(%s, %s, %t)", literal(p.Schema), literal(p.Name), p.Wildcard)
	}
	return strings.Join(rows, ", ")
}
