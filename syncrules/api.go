package syncrules

import "encoding/json"

// Severity of a Diagnostic.
type Severity uint8

const (
	// Fatal faults stop a deploy.
	Fatal Severity = iota
	// Warning never stops a deploy.
	Warning
	// Notice points at a comparison that is true for more people than it may seem.
	Notice
)

// Position is a place in the rules text.
type Position struct {
	Offset int // bytes from the start of the text, 0-based
	Line   int // 1-based
	Column int // 1-based, in runes
}

// Diagnostic is one thing that is wrong or odd in a rules text.
type Diagnostic struct {
	Severity   Severity
	Message    string
	Hint       string // what to write instead, may be empty
	Definition string // name of the definition it is in, may be empty
	Start, End Position
}

// Diagnostics is everything that Compile has to say, in text order.
type Diagnostics []Diagnostic

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
}

// Definitions lists the definitions in text order.
func (p *Program) Definitions() []*Definition { return p.definitions }

// Kind tells the two kinds of definition apart.
type Kind uint8

const (
	// BucketDefinition is a definition under bucket_definitions.
	BucketDefinition Kind = iota
	// Stream is a definition under streams.
	Stream
)

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
}

// TablePattern names tables that a definition reads.
type TablePattern struct {
	Connection string // "default" if not named
	Schema     string
	Name       string // without the trailing % if Wildcard
	Wildcard   bool
}

// Tables lists what the definition reads, for data and for parameters, without repetition.
func (d *Definition) Tables() []TablePattern { panic("skeleton") }

// Relation is a concrete source table.
type Relation struct {
	Connection   string // name of the source; "default" if empty
	Schema, Name string
	Columns      []Column
}

// Column of a Relation.
type Column struct {
	Name string
	Type *Type
}

// TypeKind is pg_type.typtype, with arrays told apart.
type TypeKind byte

// Kinds of Postgres types.
const (
	TypeBase       TypeKind = 'b'
	TypeArray      TypeKind = 'a'
	TypeEnum       TypeKind = 'e'
	TypeDomain     TypeKind = 'd'
	TypeComposite  TypeKind = 'c'
	TypeRange      TypeKind = 'r'
	TypeMultirange TypeKind = 'm'
)

// Type describes a Postgres type as far as its text form has to be understood.
type Type struct {
	OID    uint32
	Name   string // typname of a base type as in pg_type: int4, timestamptz, ...
	Kind   TypeKind
	Elem   *Type   // element of an array, base of a domain, subtype of a range, range of a multirange
	Delim  byte    // of an array's elements: ',' or, for box, ';'
	Fields []Field // of a composite
}

// Field of a composite type.
type Field struct {
	Name string
	Type *Type
}

// Row is a complete source row: one text in Postgres' output form for each column of the Relation, nil for NULL (an
// empty text is empty, not nil).
type Row [][]byte

// Table evaluates the rows of one relation for one definition. Immutable, shared.
type Table struct{}

// Bind prepares the definition's queries for rel, or returns nil if the definition does not read it.
func (d *Definition) Bind(rel *Relation) *Table { panic("skeleton") }

// Eval evaluates row and appends to out. A failing query drops the row from that query only and leaves a RowError.
// row is not kept.
func (t *Table) Eval(row Row, out *Result) { panic("skeleton") }

// Result collects what rows evaluate to. All bytes belong to it and are valid until Reset. The zero value is ready.
type Result struct {
	Rows   []BucketRow
	Params []ParameterRow
	Events []EventRow
	Errors []RowError

	arena []byte
}

// Reset empties the result and keeps its memory.
func (r *Result) Reset() {
	r.Rows, r.Params, r.Events, r.Errors, r.arena = r.Rows[:0], r.Params[:0], r.Events[:0], r.Errors[:0], r.arena[:0]
}

// BucketRow is a row as it stands in one bucket.
type BucketRow struct {
	Bucket []byte // bucket name without version prefix: by_user["u1"]
	Table  string // output table
	ID     []byte // object id
	Data   []byte // flat JSON object
}

// ParameterRow is what one row gives a definition's parameter lookup.
type ParameterRow struct {
	Lookup []byte // opaque key, tells the definition's lookups apart
	Values []byte // opaque tuple
}

// EventRow is a row of an event's payload.
type EventRow struct {
	Event string
	Data  []byte
}

// RowError says why a query left a row out.
type RowError struct {
	Definition string
	Query      string
	Err        error
}

// Request is what a client asks with.
type Request struct {
	Claims          json.RawMessage // payload of the verified token
	Parameters      json.RawMessage // client parameters; empty or null: none
	Subscriptions   []Subscription
	ExcludeDefaults bool
}

// Subscription of a client to a stream.
type Subscription struct {
	Stream           string
	Parameters       json.RawMessage // empty or null: none
	OverridePriority *int
}

// Resolver holds what a request's parameters evaluate to once. Not safe for concurrent use.
type Resolver struct{}

// NewResolver evaluates everything of req that needs no lookup. An error means that the whole request fails.
func (p *Program) NewResolver(req *Request) (*Resolver, error) { panic("skeleton") }

// LookupFunc returns the Values of the stored ParameterRows of definition d under lookup. The bytes are valid until the
// next call.
type LookupFunc func(d *Definition, lookup []byte) ([][]byte, error)

// Resolve runs the lookups and returns the buckets of the request. It can be called again and again as data change.
func (r *Resolver) Resolve(lookup LookupFunc) (*Resolution, error) { panic("skeleton") }

// Resolution is the answer to a Request at one checkpoint.
type Resolution struct {
	Buckets          []ResolvedBucket
	Streams          []ResolvedStream
	ParameterResults int // rows that lookups gave, for the limit
}

// ResolvedBucket is a bucket of the client, once, with all its reasons.
type ResolvedBucket struct {
	Definition *Definition
	Name       string // without version prefix
	Priority   int
	Reasons    []Reason
}

// Reason tells why a bucket is there.
type Reason struct {
	Default      bool
	Stream       int // Default: index into Resolution.Streams
	Subscription int // else: index into Request.Subscriptions
}

// ResolvedStream is a stream (or legacy definition) that the client is subscribed to.
type ResolvedStream struct {
	Name      string
	IsDefault bool
	Errors    []StreamError
}

// StreamError is an error of one subscription. Subscription is -1 for the default one.
type StreamError struct {
	Subscription int
	Message      string
}

// Compile compiles a rules text. The program is nil if and only if a diagnostic is fatal.
func Compile(text []byte, opts CompileOptions) (*Program, Diagnostics) { panic("skeleton") }
