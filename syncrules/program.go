package syncrules

// CompileOptions are the facts outside the text that Compile needs.
type CompileOptions struct {
	DefaultSchema string  // schema of unqualified tables; "public" if empty
	Schema        *Schema // the source's schema, if known: turns on the checks against it
}

// Schema is what Compile needs to know of a source's tables.
type Schema struct{ Tables []Relation }

// Program is a compiled rules text: immutable, shared by all goroutines.
type Program struct {
	definitions []*Definition
	config      Config
	references  []Reference
}

// Reference is a place where the text names a table.
type Reference struct {
	Definition string
	Table      TablePattern
	Start, End Position
}

// References lists the places where the text names tables, those of unused common table expressions too.
func (p *Program) References() []Reference { return p.references }

// Config is the config: section with its defaults filled in.
type Config struct {
	Edition             int
	TimestampsISO8601   bool
	VersionedBucketIDs  bool
	FixedJSONExtract    bool
	CustomPostgresTypes bool
	SQLiteExpressions   bool   // unstable_sqlite_expression_engine
	MaxPrecision        string // timestamp_max_precision, may be empty
	StorageVersion      int    // 0: not given
}

// Config is the compiled text's configuration.
func (p *Program) Config() Config { return p.config }

// Definitions lists the definitions in text order.
func (p *Program) Definitions() []*Definition { return p.definitions }

// Kind tells the kinds of definition apart.
type Kind uint8

const (
	// BucketDefinition is a definition under bucket_definitions.
	BucketDefinition Kind = iota
	// Stream is a definition under streams.
	Stream
	// Event is a definition under event_definitions: its rows are no bucket's.
	Event
)

func (k Kind) String() string { return [...]string{"bucket definition", "stream", "event"}[k] }

// Fingerprint identifies the normalised meaning of a definition (its rows, its buckets and their names, its
// compatibility options), not its place in the file.
type Fingerprint [32]byte

// Definition is one bucket definition or stream, compiled. Immutable.
type Definition struct {
	Name        string
	Kind        Kind
	Priority    int // 0..3
	AutoSub     bool
	Fingerprint Fingerprint

	plan     *plan
	compiled *compiled
	options  Config
}

// Tables lists what the definition reads, for data and for parameters, without repetition.
func (d *Definition) Tables() []TablePattern {
	var tables []TablePattern
	seen := map[TablePattern]bool{}
	for _, q := range d.plan.rows {
		if !seen[q.from] {
			seen[q.from] = true
			tables = append(tables, q.from)
		}
	}
	return tables
}

// Use says what a definition reads a table for.
type Use struct {
	Table      TablePattern
	Data       bool // rows for buckets
	Parameters bool // rows that say which buckets a request gets
}

// Uses lists what the definition reads and what for, each table once.
func (d *Definition) Uses() []Use {
	var uses []Use
	for _, table := range d.Tables() {
		use := Use{Table: table}
		for _, q := range d.plan.rows {
			if q.from == table {
				use.Data = use.Data || q.kind == rowData
				use.Parameters = use.Parameters || q.kind == rowLookup
			}
		}
		uses = append(uses, use)
	}
	return uses
}
