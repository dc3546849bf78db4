package replicator

import (
	"context"
	"fmt"
)

// publishSchema holds, under the name of a publication, the function by which weir adds tables to it where its role owns neither
// (SetupSQL makes it). Only a SECURITY DEFINER function counts: any other one would run with the rights of our role, whoever wrote it.
const publishSchema = "weir"

const publishFunctionQuery = `
SELECT EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname = $1 AND p.proname = $2 AND p.prosecdef AND p.pronargs = 1 AND p.proargtypes[0] = 'pg_catalog.regclass'::regtype
        AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE'))`

// hasPublishFunction tells whether there is such a function for us.
func hasPublishFunction(ctx context.Context, q querier, publication string) (has bool, err error) {
	if err := q.QueryRow(ctx, publishFunctionQuery, publishSchema, publication).Scan(&has); err != nil {
		return false, fmt.Errorf("look for function %s: %w", ident(publishSchema, publication), err)
	}
	return has, nil
}

// publishFunction makes it. Two things keep it from giving more than it says: it serves one publication, and it adds only what the
// caller may read anyway, because everything that a publication holds can be read by whoever may replicate.
const publishFunction = `CREATE SCHEMA IF NOT EXISTS %[1]s;
CREATE OR REPLACE FUNCTION %[2]s(relation regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $weir$
BEGIN
  IF NOT has_table_privilege(session_user, relation, 'SELECT') THEN
    RAISE insufficient_privilege USING MESSAGE = format('user %%s may not read table %%s', session_user, relation);
  END IF;
  EXECUTE format('ALTER PUBLICATION %%I ADD TABLE ONLY %%s', %[3]s, relation);
END $weir$;
REVOKE ALL ON FUNCTION %[2]s(regclass) FROM PUBLIC;
GRANT USAGE ON SCHEMA %[1]s TO %[4]s;
GRANT EXECUTE ON FUNCTION %[2]s(regclass) TO %[4]s;
`
