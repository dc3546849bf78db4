package admin

import "context"

// Sources is what the routes of PowerSync's tools ask of the databases. Its results have the forms of client-protocol.md 1.6.
type Sources interface {
	// Connections says how the sources are.
	Connections() []ConnectionStatus
	// Inspect compares a text with the catalogs.
	Inspect(ctx context.Context, text string) (*RulesStatus, error)
	// Describe says what a text reads and makes. Faults of the text are in the result.
	Describe(ctx context.Context, text string) (*Description, error)
	// Schema lists the tables that rules can name.
	Schema(ctx context.Context) (*SchemaResult, error)
	// Reprocess has all tables read again.
	Reprocess(ctx context.Context) error
}

// Err is something that is wrong.
type Err struct {
	Level    string    `json:"level"` // warning, fatal
	Message  string    `json:"message"`
	Location *Location `json:"location,omitempty"`
}

// Location is a place in the rules text, in bytes.
type Location struct {
	Start int `json:"start_offset"`
	End   int `json:"end_offset"`
}

// ConnectionStatus says how a source is.
type ConnectionStatus struct {
	ID        string `json:"id"`
	URI       string `json:"postgres_uri"` // without password
	Connected bool   `json:"connected"`
	Errors    []Err  `json:"errors"`
	Slot      string `json:"-"`
}

// RulesStatus is how a rules text and its replication are.
type RulesStatus struct {
	Content     string             `json:"content,omitempty"`
	Connections []ConnectionTables `json:"connections"`
	Errors      []Err              `json:"errors"`
}

// ConnectionTables is what a rules text reads of a source.
type ConnectionTables struct {
	ID       string      `json:"id"`
	Tag      string      `json:"tag"`
	SlotName string      `json:"slot_name"`
	Done     bool        `json:"initial_replication_done"`
	LastLSN  string      `json:"last_lsn,omitempty"`
	Lag      *int64      `json:"replication_lag_bytes,omitempty"`
	Tables   []TableInfo `json:"tables"`
}

// TableInfo is what rules do with a table.
type TableInfo struct {
	Schema           string   `json:"schema"`
	Name             string   `json:"name"`
	Pattern          string   `json:"pattern,omitempty"`
	ReplicationID    []string `json:"replication_id"`
	DataQueries      bool     `json:"data_queries"`
	ParameterQueries bool     `json:"parameter_queries"`
	Errors           []Err    `json:"errors"`
}

// Description is what a rules text reads and makes. Errors is what is wrong with it; the rest is missing then.
type Description struct {
	Valid       bool                   `json:"valid"`
	Errors      []string               `json:"errors,omitempty"`
	Definitions any                    `json:"bucket_definitions,omitempty"`
	Sources     []SourceTable          `json:"source_tables,omitempty"`
	Data        map[string][]DataTable `json:"data_tables,omitempty"` // by the clients' tables
}

// SourceTable is a table, or a pattern of tables, that rules name.
type SourceTable struct {
	Schema   string   `json:"schema"`
	Pattern  string   `json:"pattern"`
	Wildcard bool     `json:"wildcard"`
	Table    string   `json:"table,omitempty"`  // if it is no wildcard
	Tables   []string `json:"tables,omitempty"` // that a wildcard covers
}

// DataTable says where a client's table comes from.
type DataTable struct {
	Definition string   `json:"bucket_definition"`
	Source     string   `json:"source"`
	Query      string   `json:"query"`
	Columns    []string `json:"columns,omitempty"`
}

// SchemaResult lists the tables of all sources.
type SchemaResult struct {
	Connections []SchemaConnection `json:"connections"`
	Tag         string             `json:"defaultConnectionTag"`
	Schema      string             `json:"defaultSchema"`
}

// SchemaConnection lists the tables of a source.
type SchemaConnection struct {
	ID      string       `json:"id"`
	Tag     string       `json:"tag"`
	Schemas []SchemaPart `json:"schemas"`
}

// SchemaPart is a schema.
type SchemaPart struct {
	Name   string        `json:"name"`
	Tables []SchemaTable `json:"tables"`
}

// SchemaTable is a table.
type SchemaTable struct {
	Name    string         `json:"name"`
	Columns []SchemaColumn `json:"columns"`
}

// SchemaColumn is a column, and the type that clients see.
type SchemaColumn struct {
	Name         string `json:"name"`
	SQLiteType   string `json:"sqlite_type"`
	InternalType string `json:"internal_type"`
	Type         string `json:"type"`
	PostgresType string `json:"pg_type"`
}
