// Package judge says whether a rules text can be deployed: what the compiler finds, and what the sources' catalogs have against it. It
// reads no rows and changes nothing.
package judge

import (
	"context"
	"fmt"
	"slices"

	"github.com/weirsync/weir/replicator"
	"github.com/weirsync/weir/syncrules"
)

// Source is a database to judge against.
type Source struct {
	Name, URI, Publication string
	PrimaryURI             string // if URI is a standby's
	Manual                 bool   // the publication is not weir's to change
}

// Verdict is what there is to say of a text.
type Verdict struct {
	Text    []byte
	Program *syncrules.Program    // nil: it doesn't compile
	Found   syncrules.Diagnostics // in text order, also what concerns tables, at the first place that names each
	Faults  []Fault               // of databases as a whole
	Surveys map[string]*replicator.Survey
}

// Fault is what makes a whole database unfit.
type Fault struct {
	Source string
	*replicator.Fault
}

// Text judges a text against the sources. An error means that one could not be asked; a *replicator.Fault in it says why.
func Text(ctx context.Context, text []byte, sources ...Source) (*Verdict, error) {
	v := &Verdict{Text: text, Surveys: map[string]*replicator.Survey{}}
	v.Program, v.Found = syncrules.Compile(text, syncrules.CompileOptions{})
	if len(sources) == 0 {
		return v, nil
	}
	schema := &syncrules.Schema{}
	for _, src := range sources {
		survey, err := replicator.ReadSurvey(ctx, replicator.Config{
			Name: src.Name, URI: src.URI, PrimaryURI: src.PrimaryURI, Publication: src.Publication, Manual: src.Manual,
		}, Tables(v.Program, src.Name))
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", src.Name, err)
		}
		v.Surveys[src.Name] = survey
		for _, f := range survey.Faults {
			v.Faults = append(v.Faults, Fault{src.Name, f})
		}
		if survey.Schema == nil {
			return v, nil // the server is too old to ask
		}
		for _, rel := range survey.Schema.Tables {
			rel.Connection = src.Name
			schema.Tables = append(schema.Tables, rel)
		}
	}
	v.Program, v.Found = syncrules.Compile(text, syncrules.CompileOptions{Schema: schema})
	v.addTables(schema)
	return v, nil
}

// Tables are the tables of a source that definitions read; none if the rules have faults.
func Tables(program *syncrules.Program, source string) []syncrules.TablePattern {
	var all []syncrules.TablePattern
	if program == nil {
		return nil
	}
	for _, d := range program.Definitions() {
		for _, t := range d.Tables() {
			if t.Connection == source && !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	return all
}

// addTables adds what keeps tables from being replicated, at the first place that names each. A table that a definition needs by its
// name keeps it from ever being complete, a wildcard takes what it can.
func (v *Verdict) addTables(schema *syncrules.Schema) {
	if v.Program == nil {
		return
	}
	seen := map[string]bool{}
	for _, ref := range v.Program.References() {
		survey := v.Surveys[ref.Table.Connection]
		if survey == nil || !slices.Contains(Tables(v.Program, ref.Table.Connection), ref.Table) {
			continue
		}
		severity := syncrules.Fatal
		if ref.Table.Wildcard {
			severity = syncrules.Warning
		}
		absent := missing(schema, ref.Table)
		for _, f := range survey.TableFaults(ref.Table) {
			if absent && !ref.Table.Wildcard {
				v.raise(ref, f.Hint)
				continue
			}
			if seen[f.Message] || absent {
				continue
			}
			seen[f.Message] = true
			v.Found = append(v.Found, syncrules.Diagnostic{
				Severity: severity, Message: f.Message, Hint: f.Hint, Definition: ref.Definition, Start: ref.Start, End: ref.End,
			})
		}
	}
	slices.SortStableFunc(v.Found, func(a, b syncrules.Diagnostic) int { return a.Start.Offset - b.Start.Offset })
}

// raise makes the compiler's warning of a table that does not exist an error: the definition would wait for it for ever.
func (v *Verdict) raise(ref syncrules.Reference, hint string) {
	for i := range v.Found {
		if d := &v.Found[i]; d.Start == ref.Start && d.Severity == syncrules.Warning {
			d.Severity, d.Hint = syncrules.Fatal, hint
		}
	}
}

func missing(schema *syncrules.Schema, p syncrules.TablePattern) bool {
	return !slices.ContainsFunc(schema.Tables, func(rel syncrules.Relation) bool { return p.Matches(&rel) })
}

// OK says whether the text can be deployed.
func (v *Verdict) OK() bool { return !v.Found.Fatal() && len(v.Faults) == 0 }

// Reason is the first thing that keeps the text from being deployed, with its place.
func (v *Verdict) Reason() string {
	for _, f := range v.Faults {
		return fmt.Sprintf("source %s: %s", f.Source, f.Message)
	}
	for _, d := range v.Found {
		if d.Severity == syncrules.Fatal {
			return fmt.Sprintf("line %d, column %d: %s", d.Start.Line, d.Start.Column, d.Message)
		}
	}
	return ""
}
