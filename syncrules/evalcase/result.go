package evalcase

import (
	"encoding/json"

	"github.com/weirsync/weir/syncrules"
)

// Result is the output.
type Result struct {
	Valid         bool            `json:"valid"`
	Errors        []Diagnostic    `json:"errors"`
	Compatibility *Compatibility  `json:"compatibility,omitempty"`
	Tables        []Pattern       `json:"tables,omitempty"`
	Definitions   []Definition    `json:"definitions,omitempty"`
	Rows          []RowResult     `json:"rows,omitempty"`
	Requests      []RequestResult `json:"requests,omitempty"`
}

// Diagnostic is something that is wrong or odd in the rules.
type Diagnostic struct {
	Type    string `json:"type"` // fatal, warning, notice
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Source  string `json:"source"` // the text it is about
	Line    int    `json:"line"`
	Column  int    `json:"column"`
}

// Compatibility is the rules' config with its defaults.
type Compatibility struct {
	Edition             int     `json:"edition"`
	TimestampsISO8601   bool    `json:"timestamps_iso8601"`
	VersionedBucketIDs  bool    `json:"versioned_bucket_ids"`
	FixedJSONExtract    bool    `json:"fixed_json_extract"`
	CustomPostgresTypes bool    `json:"custom_postgres_types"`
	SQLiteExpressions   bool    `json:"unstable_sqlite_expression_engine"`
	MaxPrecision        *string `json:"timestamp_max_precision"`
	StorageVersion      *int    `json:"storage_version"`
}

// Pattern names tables to replicate.
type Pattern struct {
	Tag      string `json:"tag"`
	Schema   string `json:"schema"`
	Pattern  string `json:"pattern"`
	Wildcard bool   `json:"wildcard"`
}

// Definition of the rules.
type Definition struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	IsDefault bool   `json:"subscribed_by_default"`
}

// RowResult is what a source row evaluates to.
type RowResult struct {
	Schema     string         `json:"schema"`
	Table      string         `json:"table"`
	Buckets    []BucketRow    `json:"buckets"`
	Parameters []ParameterRow `json:"parameters"`
	Errors     []string       `json:"errors,omitempty"`
	Events     []EventRow     `json:"events,omitempty"`
}

// BucketRow is a row in a bucket.
type BucketRow struct {
	Bucket string          `json:"bucket"`
	Table  string          `json:"table"`
	ID     string          `json:"id"`
	Data   json.RawMessage `json:"data"`
}

// ParameterRow is a row of a lookup.
type ParameterRow struct {
	Definition string          `json:"definition"`
	Lookup     int             `json:"lookup"`
	Key        json.RawMessage `json:"key"`
	Values     json.RawMessage `json:"values"`
}

// EventRow is an event.
type EventRow struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// RequestResult is what a request gets.
type RequestResult struct {
	Buckets          []Bucket       `json:"buckets"`
	Errors           []RequestError `json:"errors"`
	Thrown           string         `json:"thrown,omitempty"`
	ParameterResults int            `json:"parameter_results"`
	Synced           []SyncedRow    `json:"synced"`
}

// Bucket of a request. A reason is "default" or {"subscription": index}.
type Bucket struct {
	Bucket     string `json:"bucket"`
	Priority   int    `json:"priority"`
	Definition string `json:"definition"`
	Reasons    []any  `json:"reasons"`
}

// RequestError is an error of one stream.
type RequestError struct {
	Definition   string `json:"definition"`
	Subscription *int   `json:"subscription"`
	Message      string `json:"message"`
}

// SyncedRow is a row that a client ends up with.
type SyncedRow struct {
	Table    string          `json:"table"`
	ID       string          `json:"id"`
	Data     json.RawMessage `json:"data"`
	Priority int             `json:"priority"`
}

func diagnostics(found syncrules.Diagnostics, text string) []Diagnostic {
	out := []Diagnostic{}
	for _, d := range found {
		name := d.Severity.String()
		if d.Severity == syncrules.Fatal {
			name = "fatal"
		}
		out = append(out, Diagnostic{name, d.Message, d.Hint, text[d.Start.Offset:d.End.Offset], d.Start.Line, d.Start.Column})
	}
	return out
}

func compatibility(c syncrules.Config) *Compatibility {
	out := &Compatibility{
		Edition: c.Edition, TimestampsISO8601: c.TimestampsISO8601, VersionedBucketIDs: c.VersionedBucketIDs,
		FixedJSONExtract: c.FixedJSONExtract, CustomPostgresTypes: c.CustomPostgresTypes, SQLiteExpressions: c.SQLiteExpressions,
	}
	if c.MaxPrecision != "" {
		out.MaxPrecision = &c.MaxPrecision
	}
	if c.StorageVersion != 0 {
		out.StorageVersion = &c.StorageVersion
	}
	return out
}
