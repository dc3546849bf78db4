package evalcase

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/weirsync/weir/syncrules"
)

// Case is the input.
type Case struct {
	Config        string      `json:"config"`
	DefaultSchema string      `json:"default_schema"`
	BucketVersion *int        `json:"bucket_version"`
	SourceSchema  []Table     `json:"source_schema"`
	SourceRows    []SourceRow `json:"source_rows"`
	Requests      []Request   `json:"requests"`
}

// Table is a table of the source's schema.
type Table struct {
	Schema  string   `json:"schema"`
	Table   string   `json:"table"`
	Columns []Column `json:"columns"`
}

// Column of a Table.
type Column struct {
	Name   string `json:"name"`
	PgType string `json:"pg_type"`
}

// SourceRow is a row of the source.
type SourceRow struct {
	Schema string          `json:"schema"`
	Table  string          `json:"table"`
	Row    json.RawMessage `json:"row"`
}

// Request is a client's request.
type Request struct {
	JWT             json.RawMessage `json:"jwt"`
	Parameters      json.RawMessage `json:"parameters"`
	Subscriptions   []Subscription  `json:"subscriptions"`
	IncludeDefaults *bool           `json:"include_defaults"`
}

// Subscription of a Request.
type Subscription struct {
	Stream           string          `json:"stream"`
	Parameters       json.RawMessage `json:"parameters"`
	OverridePriority *int            `json:"override_priority"`
}

func (r Request) request() *syncrules.Request {
	out := &syncrules.Request{Claims: r.JWT, Parameters: r.Parameters, ExcludeDefaults: r.IncludeDefaults != nil && !*r.IncludeDefaults}
	for _, s := range r.Subscriptions {
		out.Subscriptions = append(out.Subscriptions, syncrules.Subscription(s))
	}
	return out
}

func (c *Case) options() syncrules.CompileOptions {
	o := syncrules.CompileOptions{DefaultSchema: c.DefaultSchema}
	if c.SourceSchema == nil {
		return o
	}
	o.Schema = &syncrules.Schema{}
	for _, t := range c.SourceSchema {
		rel := syncrules.Relation{Schema: t.Schema, Name: t.Table}
		for _, col := range t.Columns {
			rel.Columns = append(rel.Columns, syncrules.Column{Name: col.Name, Type: typeNamed(col.PgType)})
		}
		o.Schema.Tables = append(o.Schema.Tables, rel)
	}
	return o
}

// parse reads a case. Numbers keep their text: 1 and 1.0 are different values.
func parse(input []byte) (*Case, error) {
	c := &Case{}
	d := json.NewDecoder(bytes.NewReader(input))
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("read case: %w", err)
	}
	return c, nil
}
