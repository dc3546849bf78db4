package replicator

import (
	"context"
	"fmt"
	"slices"
)

// versionMin is the oldest server that works: 14 brought TID range scans and message delivery by pgoutput.
const versionMin = 140000

// server is what validation learns about the source.
type server struct {
	version   int // server_version_num
	database  string
	user      string
	walLevel  string
	replicate bool // our role may replicate
	standby   bool
	creator   bool // our role may create a publication
}

const serverQuery = `
SELECT current_setting('server_version_num')::int, current_database()::text, current_user::text, current_setting('wal_level'),
       (SELECT rolreplication OR rolsuper OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname IN ('rds_replication', 'rds_superuser')
          AND pg_has_role(current_user, r.oid, 'USAGE')) FROM pg_roles WHERE rolname = current_user),
       pg_is_in_recovery(), has_database_privilege(current_database(), 'CREATE')`

func inspectServer(ctx context.Context, q querier) (server, error) {
	var sv server
	err := q.QueryRow(ctx, serverQuery).Scan(
		&sv.version, &sv.database, &sv.user, &sv.walLevel, &sv.replicate, &sv.standby, &sv.creator)
	if err != nil {
		return sv, fmt.Errorf("inspect server: %w", err)
	}
	return sv, nil
}

// faults reports what makes the whole server unfit, if it is the only one.
func (sv *server) faults() Faults {
	fs := sv.unfit("")
	if !sv.replicate {
		fs = append(fs, replicationFault(sv.user))
	}
	if sv.standby {
		fs = append(fs, &Fault{
			Code:    CodeStandby,
			Message: "the server is a standby, and weir has to write markers into the WAL of what it reads",
			Hint: "let the source's uri name the primary, or all servers and target_session_attrs=read-write, by which the primary is found: " +
				"postgres://user@one:5432,two:5432/database?target_session_attrs=read-write; to read from the standby all the same " +
				"(PostgreSQL 16), let primary_uri name its primary",
		})
	}
	return fs
}

// unfit reports what makes a server unfit, whatever it is for. which is put before each message.
func (sv *server) unfit(which string) (fs Faults) {
	if sv.version < versionMin {
		fs = append(fs, &Fault{
			Code:    CodeVersion,
			Message: which + fmt.Sprintf("the server has version %d, weir needs 14 or newer", sv.version/10000),
			Hint:    "upgrade Postgres",
		})
	}
	if sv.walLevel != "logical" {
		fs = append(fs, &Fault{
			Code:    CodeWALLevel,
			Message: which + fmt.Sprintf("wal_level is %s, it has to be logical", sv.walLevel),
			Hint:    "ALTER SYSTEM SET wal_level = logical; then restart Postgres",
		})
	}
	return fs
}

// faults reports what keeps a table that the rules name from being replicated. Where the stream would go on without
// rows that a snapshot has, or the other way round, refusing is the only answer that loses nothing.
func (t *table) faults(user string) (fs Faults) {
	add := func(code Code, message, hint string) {
		fs = append(fs, &Fault{Code: code, Message: message, Hint: hint})
	}
	own := ident(t.schema, t.name)
	if t.partition && t.schema == t.rootSchema && t.name == t.rootName {
		add(CodePartition, fmt.Sprintf("table %s is a partition", own), "name the partitioned table in the rules: it brings its partitions along")
		return fs
	}
	switch t.kind {
	case "v":
		add(CodeTableKind, fmt.Sprintf("%s is a view, which Postgres does not replicate", own), "name the tables behind it in the rules")
		return fs
	case "m":
		add(CodeTableKind, fmt.Sprintf("%s is a materialized view, which Postgres does not replicate", own), "name the tables behind it in the rules")
		return fs
	case "f":
		add(CodeTableKind, fmt.Sprintf("table %s is a foreign table, which Postgres does not replicate", own), "replicate it from its own server")
		return fs
	case "p":
		return nil
	}
	switch t.persistence {
	case "u":
		add(CodePersistence, fmt.Sprintf("table %s is unlogged, so its changes are not streamed", own), fmt.Sprintf("ALTER TABLE %s SET LOGGED", own))
	case "t":
		add(CodePersistence, fmt.Sprintf("table %s is temporary, so its changes are not streamed", own), "use a permanent table")
	}
	if !t.heap() && !t.keyed() {
		add(CodeTableKind, fmt.Sprintf("table %s is kept by access method %s and has no primary key: weir reads only heap tables without one", own, t.method),
			fmt.Sprintf("ALTER TABLE %s ADD PRIMARY KEY (...), or ALTER TABLE %s SET ACCESS METHOD heap", own, own))
	}
	if !t.reachable {
		add(CodeSchemaPrivilege, fmt.Sprintf("user %s may not use schema %s, which table %s is in", user, ident(t.schema), own),
			fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s", ident(t.schema), ident(user)))
	}
	if !t.readable {
		add(CodeTablePrivilege, fmt.Sprintf("user %s may not read table %s", user, own), fmt.Sprintf("GRANT SELECT ON %s TO %s", own, ident(user)))
	}
	if t.secured {
		add(CodeRowSecurity, fmt.Sprintf("row-level security of table %s would hide rows from user %s", own, user),
			fmt.Sprintf("ALTER ROLE %s BYPASSRLS", ident(user)))
	}
	return append(fs, t.identityFaults(own)...)
}

// keyed tells whether rows of the table have a key: without one they are told apart by all their columns, and can be equal.
func (t *table) keyed() bool { return len(t.key) > 0 }

// identityFaults: without an identity Postgres itself refuses updates and deletes of a published table, in the application's own
// transactions. So weir doesn't publish such a table; one that somebody else has published is taken as what it is, insert only.
func (t *table) identityFaults(own string) Faults {
	primary := fmt.Sprintf("ALTER TABLE %s ADD PRIMARY KEY (...)", own)
	const insertOnly = "if its rows are only ever inserted or truncated, add it to the publication yourself"
	switch {
	case t.identity == "f", t.published && !t.keyed():
	case t.identity == "n":
		return Faults{{
			Code:    CodeReplicaIdentity,
			Message: fmt.Sprintf("table %s has replica identity nothing, so Postgres would refuse its updates and deletes once it is published", own),
			Hint:    fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY DEFAULT; %s", own, insertOnly),
		}}
	case len(t.key) == 0 && t.identity == "i":
		return Faults{{
			Code:    CodeReplicaIdentity,
			Message: fmt.Sprintf("the replica identity index of table %s is gone or invalid", own),
			Hint:    fmt.Sprintf("%s, then ALTER TABLE %s REPLICA IDENTITY DEFAULT", primary, own),
		}}
	case len(t.key) == 0:
		return Faults{{
			Code: CodeReplicaIdentity,
			Message: fmt.Sprintf("table %s has no primary key (a deferrable one does not count), so Postgres would refuse its updates and deletes "+
				"once it is published", own),
			Hint: fmt.Sprintf("%s, or ALTER TABLE %s REPLICA IDENTITY FULL; %s", primary, own, insertOnly),
		}}
	}
	for _, c := range t.columns {
		if (slices.Contains(t.key, c.attnum) || t.identity == "f") && t.list != nil && !slices.Contains(t.list, c.name) && c.generated == "" {
			return Faults{{
				Code:    CodePublicationColumns,
				Message: fmt.Sprintf("the publication's column list leaves out column %s of table %s, which its replica identity has", ident(c.name), own),
				Hint:    fmt.Sprintf("ALTER PUBLICATION ... SET TABLE %s with a list that has it", own),
			}}
		}
	}
	return nil
}
