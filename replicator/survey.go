package replicator

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/syncrules"
)

// Survey is what a source's catalog says before weir replicates from it: its tables, and what would be in the way.
type Survey struct {
	Schema *syncrules.Schema // all tables that are not Postgres' own; nil if the server is too old to ask
	Faults Faults            // of the server and the publication

	user        string
	publication string
	manual      bool // the publication is somebody else's
	tables      []*table
	addable     map[uint32]bool // tables that our role may add to the publication
}

// ReadSurvey connects once and reads the catalog of the source's database; it changes nothing. Patterns are those that TableFaults can
// be asked about. Of source, URI, PrimaryURI, Publication and Manual matter; where there is a primary beside a standby, only the primary is
// asked. An unreachable server is a *Fault.
func ReadSurvey(ctx context.Context, source Config, patterns []syncrules.TablePattern) (*Survey, error) {
	cfg, err := parseURI(source.control())
	if err != nil {
		return nil, &Fault{Code: CodeURI, Message: err.Error()}
	}
	cfg.RuntimeParams["application_name"] = "weir survey"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, connectFault(ctx, cfg, err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was changed
	sv, err := inspectServer(ctx, conn)
	if err != nil {
		return nil, err
	}
	faults := sv.faults()
	if source.viaStandby() {
		faults = sv.primaryFaults()
	}
	s := &Survey{Faults: faults, user: sv.user, publication: source.Publication, manual: source.Manual}
	if sv.version < versionMin {
		return s, nil
	}
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return s.read(ctx, tx, sv, patterns)
	})
	if err != nil {
		return nil, fmt.Errorf("read catalog: %w", err)
	}
	return s, nil
}

func (s *Survey) read(ctx context.Context, q querier, sv server, patterns []syncrules.TablePattern) error {
	pub, err := readPublication(ctx, q, s.publication)
	if err != nil {
		return err
	}
	s.Faults = append(s.Faults, pub.faults(s.publication)...)
	if pub.oid == 0 && (s.manual || !sv.creator) {
		s.Faults = append(s.Faults, noPublication(s.publication, sv, s.manual))
	}
	everything, err := allTables(ctx, q)
	if err != nil {
		return err
	}
	tables, err := loadTables(ctx, q, everything, s.publication, sv.version)
	if err != nil {
		return err
	}
	if s.Schema, err = schemaOf(ctx, q, tables); err != nil {
		return err
	}
	if s.tables, err = loadTables(ctx, q, demand{patterns: patterns}, s.publication, sv.version); err != nil {
		return err
	}
	if s.manual {
		return nil // weir may add none
	}
	s.addable, err = addable(ctx, q, s.tables, s.publication)
	return err
}

// allTables is the demand of rules that name everything.
func allTables(ctx context.Context, q querier) (demand, error) {
	rows, err := q.Query(ctx, `SELECT nspname FROM pg_namespace WHERE nspname <> 'information_schema' AND nspname !~ '^pg_' ORDER BY 1`)
	if err != nil {
		return demand{}, fmt.Errorf("read schemas: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return demand{}, fmt.Errorf("read schemas: %w", err)
	}
	var d demand
	for _, name := range names {
		d.patterns = append(d.patterns, syncrules.TablePattern{Schema: name, Wildcard: true})
	}
	return d, nil
}

// schemaOf describes tables as rules see them: partitions are part of their root.
func schemaOf(ctx context.Context, q querier, tables []*table) (*syncrules.Schema, error) {
	var oids []uint32
	for _, t := range tables {
		for _, c := range t.columns {
			oids = append(oids, c.typ)
		}
	}
	types, err := loadTypes(ctx, q, oids)
	if err != nil {
		return nil, err
	}
	schema := &syncrules.Schema{}
	for _, t := range tables {
		if t.partition {
			continue
		}
		rel := syncrules.Relation{Schema: t.schema, Name: t.name}
		for _, c := range t.columns {
			rel.Columns = append(rel.Columns, syncrules.Column{Name: c.name, Type: types[c.typ]})
		}
		schema.Tables = append(schema.Tables, rel)
	}
	return schema, nil
}

// addable finds the tables that our role may add to the publication: it has to own both, or there is a function that does it. A
// publication that is missing it will own.
func addable(ctx context.Context, q querier, tables []*table, publication string) (map[uint32]bool, error) {
	var oids []uint32
	for _, t := range tables {
		oids = append(oids, t.oid)
	}
	byFunction, err := hasPublishFunction(ctx, q, publication)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, `SELECT oid FROM pg_class WHERE oid = ANY($1) AND ($3 OR pg_has_role(relowner, 'USAGE')
		AND NOT EXISTS (SELECT FROM pg_publication WHERE pubname = $2 AND NOT pg_has_role(pubowner, 'USAGE')))`, oids, publication, byFunction)
	if err != nil {
		return nil, fmt.Errorf("read owners: %w", err)
	}
	owned, err := pgx.CollectRows(rows, pgx.RowTo[uint32])
	if err != nil {
		return nil, fmt.Errorf("read owners: %w", err)
	}
	out := map[uint32]bool{}
	for _, oid := range owned {
		out[oid] = true
	}
	return out, nil
}

// TableFaults reports what keeps the tables of a pattern from being replicated. A pattern that ReadSurvey was not given has no tables.
func (s *Survey) TableFaults(p syncrules.TablePattern) Faults {
	d := demand{patterns: []syncrules.TablePattern{p}}
	var tables []*table
	for _, t := range s.tables {
		if d.wants(t) {
			tables = append(tables, t)
		}
	}
	found := assess(d, tables, s.user)
	faults := found.faults
	for _, t := range found.missing {
		if !s.addable[t.oid] {
			faults = append(faults, notPublished(s.publication, t.schema, t.name))
		}
	}
	return faults
}

// SurveyTable is a table that would be read, as the catalog knows it. Its size is that of the last ANALYZE or VACUUM.
type SurveyTable struct {
	Schema, Name string   // of the relation itself: of a leaf, where it is partitioned
	Key          []string // columns of the replica identity
	Rows         int64    // -1: it was never analyzed
	Bytes        int64
}

// Tables lists the tables of a pattern that would be read. A pattern that ReadSurvey was not given has none.
func (s *Survey) Tables(p syncrules.TablePattern) []SurveyTable {
	d := demand{patterns: []syncrules.TablePattern{p}}
	var out []SurveyTable
	for _, t := range s.tables {
		if !d.wants(t) || t.kind != "r" {
			continue
		}
		next := SurveyTable{Schema: t.schema, Name: t.name, Rows: t.estimate, Bytes: t.bytes}
		for _, c := range t.columns {
			if slices.Contains(t.key, c.attnum) {
				next.Key = append(next.Key, c.name)
			}
		}
		out = append(out, next)
	}
	return out
}
