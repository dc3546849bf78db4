package replicator

import (
	"strings"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/syncrules"
)

// demand is what the live rules want of this source.
type demand struct {
	patterns []syncrules.TablePattern // without repetition
	needs    map[buckets.DefinitionID][]syncrules.TablePattern
}

// demandOf collects the patterns of defs that concern the source called name.
func demandOf(name string, defs []buckets.Definition) demand {
	d := demand{needs: map[buckets.DefinitionID][]syncrules.TablePattern{}}
	seen := map[syncrules.TablePattern]bool{}
	for _, def := range defs {
		d.needs[def.ID] = nil
		for _, p := range def.Rules.Tables() {
			if p.Connection == "" {
				p.Connection = "default"
			}
			if p.Connection != name {
				continue
			}
			d.needs[def.ID] = append(d.needs[def.ID], p)
			if !seen[p] {
				seen[p] = true
				d.patterns = append(d.patterns, p)
			}
		}
	}
	return d
}

// schemas lists the schemas that patterns name.
func (d *demand) schemas() []string {
	seen := map[string]bool{}
	schemas := []string{}
	for _, p := range d.patterns {
		if !seen[p.Schema] {
			seen[p.Schema] = true
			schemas = append(schemas, p.Schema)
		}
	}
	return schemas
}

// names lists the names and the prefixes that patterns give.
func (d *demand) names() (exact, prefixes []string) {
	exact, prefixes = []string{}, []string{}
	for _, p := range d.patterns {
		if p.Wildcard {
			prefixes = append(prefixes, p.Name)
		} else {
			exact = append(exact, p.Name)
		}
	}
	return exact, prefixes
}

// matches tells whether any pattern covers the table, and whether one does so by its full name.
func (d *demand) matches(schema, name string) (any, exact bool) {
	for _, p := range d.patterns {
		if covers(p, schema, name) {
			any = true
			exact = exact || !p.Wildcard
		}
	}
	return any, exact
}

func covers(p syncrules.TablePattern, schema, name string) bool {
	if p.Schema != schema {
		return false
	}
	if p.Wildcard {
		return strings.HasPrefix(name, p.Name)
	}
	return p.Name == name
}
