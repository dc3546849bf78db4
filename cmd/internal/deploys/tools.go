package deploys

import (
	"context"
	"fmt"
	"strings"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/cmd/internal/judge"
	"github.com/weirsync/weir/replicator"
	"github.com/weirsync/weir/syncrules"
)

// Connections says how the sources are. Addresses have no password.
func (d *Deploys) Connections() []admin.ConnectionStatus {
	out := []admin.ConnectionStatus{}
	for _, src := range d.sources {
		h := src.Health()
		next := admin.ConnectionStatus{
			ID: h.Source, URI: "postgresql://" + config.URI(src.Catalog.URI).String(), Connected: h.Connected, Errors: []admin.Err{}, Slot: src.Slot,
		}
		for _, f := range h.Faults {
			next.Errors = append(next.Errors, admin.Err{Level: "fatal", Message: f.Message})
		}
		out = append(out, next)
	}
	return out
}

// Inspect compares a text with the catalogs.
func (d *Deploys) Inspect(ctx context.Context, text string) (*admin.RulesStatus, error) {
	v, err := d.judge(ctx, text)
	if err != nil {
		return nil, err
	}
	out := &admin.RulesStatus{Connections: []admin.ConnectionTables{}, Errors: []admin.Err{}}
	for _, x := range diagnostics(v) {
		level := "warning"
		if x.Severity == syncrules.Fatal.String() {
			level = "fatal"
		}
		next := admin.Err{Level: level, Message: x.Message}
		if x.Line > 0 {
			next.Location = &admin.Location{Start: x.Start, End: x.End}
		}
		out.Errors = append(out.Errors, next)
	}
	for _, src := range d.sources {
		h := src.Health()
		out.Connections = append(out.Connections, admin.ConnectionTables{
			ID: h.Source, Tag: h.Source, SlotName: src.Slot, LastLSN: h.Position.String(), Lag: &h.Lag, Tables: tablesOf(v, h.Source),
		})
	}
	return out, nil
}

// tablesOf says what a text does with the tables of a source.
func tablesOf(v *judge.Verdict, source string) []admin.TableInfo {
	out, at := []admin.TableInfo{}, map[string]int{}
	for _, use := range uses(v.Program) {
		if use.Table.Connection != source {
			continue
		}
		for _, t := range v.Surveys[source].Tables(use.Table) {
			i, seen := at[t.Schema+"."+t.Name]
			if !seen {
				i, at[t.Schema+"."+t.Name] = len(out), len(out)
				out = append(out, admin.TableInfo{
					Schema: t.Schema, Name: t.Name, ReplicationID: append([]string{}, t.Key...), Errors: errs(v.Surveys[source].TableFaults(use.Table)),
				})
			}
			if use.Table.Wildcard {
				out[i].Pattern = use.Table.Name + "%"
			}
			out[i].DataQueries = out[i].DataQueries || use.Data
			out[i].ParameterQueries = out[i].ParameterQueries || use.Parameters
		}
	}
	return out
}

func errs(faults replicator.Faults) []admin.Err {
	out := []admin.Err{}
	for _, f := range faults {
		out = append(out, admin.Err{Level: "fatal", Message: f.Message})
	}
	return out
}

// uses lists what all definitions read; nothing of a text that doesn't compile.
func uses(p *syncrules.Program) (out []syncrules.Use) {
	if p != nil {
		for _, def := range p.Definitions() {
			out = append(out, def.Uses()...)
		}
	}
	return out
}

// Describe says what a text reads and makes.
func (d *Deploys) Describe(ctx context.Context, text string) (*admin.Description, error) {
	v, err := d.judge(ctx, text)
	if err != nil {
		return nil, err
	}
	if !v.OK() {
		return &admin.Description{Errors: faultTexts(v)}, nil
	}
	out := &admin.Description{Valid: true, Sources: []admin.SourceTable{}, Data: map[string][]admin.DataTable{}}
	explanations, seen := []syncrules.Explanation{}, map[syncrules.TablePattern]bool{}
	for _, def := range v.Program.Definitions() {
		e := def.Explain()
		explanations = append(explanations, e)
		addData(out.Data, &e)
		for _, pattern := range def.Tables() {
			if !seen[pattern] {
				seen[pattern] = true
				out.Sources = append(out.Sources, sourceTable(v, pattern))
			}
		}
	}
	out.Definitions = explanations
	return out, nil
}

// faultTexts are all reasons why a text can't be deployed, those of the text with the line and a caret.
func faultTexts(v *judge.Verdict) (out []string) {
	for _, f := range v.Faults {
		out = append(out, "source "+f.Source+": "+f.Error())
	}
	for i, x := range v.Found {
		if x.Severity == syncrules.Fatal {
			out = append(out, strings.TrimSpace(v.Found[i:i+1].Render("sync-rules", v.Text)))
		}
	}
	return out
}

func sourceTable(v *judge.Verdict, pattern syncrules.TablePattern) admin.SourceTable {
	out := admin.SourceTable{Schema: pattern.Schema, Pattern: pattern.Name, Wildcard: pattern.Wildcard}
	if !pattern.Wildcard {
		out.Table = pattern.Name
		return out
	}
	out.Pattern, out.Tables = pattern.Name+"%", []string{}
	if survey := v.Surveys[pattern.Connection]; survey != nil {
		for _, t := range survey.Tables(pattern) {
			out.Tables = append(out.Tables, t.Name)
		}
	}
	return out
}

// addData files a definition's rows under the tables that clients have them in.
func addData(out map[string][]admin.DataTable, e *syncrules.Explanation) {
	for _, row := range e.Rows {
		if len(row.Variants) == 0 || row.Variants[0].Bucket == "" {
			continue // no data
		}
		table := row.Into
		if _, name, ok := strings.Cut(row.Table, "."); ok && table == syncrules.IntoSameName {
			table = name
		}
		out[table] = append(out[table], admin.DataTable{Definition: e.Name, Source: row.Table, Query: row.Query, Columns: row.Columns})
	}
}

// Schema lists the tables that rules can name.
func (d *Deploys) Schema(ctx context.Context) (*admin.SchemaResult, error) {
	v, err := d.judge(ctx, "")
	if err != nil {
		return nil, err
	}
	out := &admin.SchemaResult{Connections: []admin.SchemaConnection{}, Tag: config.SourceNameDefault, Schema: "public"}
	for _, src := range d.sources {
		name := src.Catalog.Name
		next := admin.SchemaConnection{ID: name, Tag: name, Schemas: []admin.SchemaPart{}}
		if schema := v.Surveys[name].Schema; schema != nil {
			next.Schemas = parts(schema)
		}
		out.Connections = append(out.Connections, next)
	}
	return out, nil
}

// parts groups tables by schema, in whose order they are.
func parts(schema *syncrules.Schema) []admin.SchemaPart {
	out := []admin.SchemaPart{}
	for _, rel := range schema.Tables {
		if len(out) == 0 || out[len(out)-1].Name != rel.Schema {
			out = append(out, admin.SchemaPart{Name: rel.Schema, Tables: []admin.SchemaTable{}})
		}
		table := admin.SchemaTable{Name: rel.Name, Columns: []admin.SchemaColumn{}}
		for _, c := range rel.Columns {
			client := clientType(c.Type)
			table.Columns = append(table.Columns, admin.SchemaColumn{
				Name: c.Name, SQLiteType: client, InternalType: c.Type.Name, Type: client, PostgresType: c.Type.Name,
			})
		}
		last := &out[len(out)-1]
		last.Tables = append(last.Tables, table)
	}
	return out
}

// clientType is the type of SQLite that values of t have in clients: all but these are texts.
func clientType(t *syncrules.Type) string {
	if t.Kind == syncrules.TypeDomain {
		return clientType(t.Elem)
	}
	if t.Kind != syncrules.TypeBase {
		return "text"
	}
	switch t.Name {
	case "int2", "int4", "int8", "bool":
		return "integer"
	case "float4", "float8":
		return "real"
	case "bytea":
		return "blob"
	}
	return "text"
}

// Reprocess has all tables read again; only rows that differ from what is stored change anything (I12).
func (d *Deploys) Reprocess(ctx context.Context) error {
	for _, src := range d.sources {
		for _, t := range d.store.Tables(src.Catalog.Name) {
			if t.Phase != buckets.Done {
				continue
			}
			if _, err := d.store.BeginGeneration(ctx, t.ID, t.Relation); err != nil {
				return fmt.Errorf("read table %s again: %w", t.Relation.Name, err)
			}
		}
	}
	return nil
}
