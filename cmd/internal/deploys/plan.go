package deploys

import (
	"context"
	"fmt"
	"slices"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/cmd/internal/judge"
	"github.com/weirsync/weir/syncrules"
)

// Plan says what a deploy of a text would do.
func (d *Deploys) Plan(ctx context.Context, text string) (*admin.Plan, error) {
	v, err := d.judge(ctx, text)
	if err != nil {
		return nil, err
	}
	p := &admin.Plan{
		Valid: v.OK(), Reason: v.Reason(), Diagnostics: diagnostics(v),
		Definitions: []admin.DefinitionPlan{}, Tables: []admin.TablePlan{},
	}
	if v.Program == nil {
		return p, nil
	}
	c, err := d.store.Compare(ctx, v.Program)
	if err != nil {
		return nil, fmt.Errorf("compare rules: %w", err)
	}
	p.Version, p.SameMeaning = uint32(c.Version), c.SameMeaning
	for i := range c.Definitions {
		d.addDefinition(p, v, &c.Definitions[i])
	}
	p.Clients = d.clients(&c)
	d.estimate(p)
	return p, nil
}

// addDefinition adds what becomes of a definition, and the tables that have to be read for it.
func (d *Deploys) addDefinition(p *admin.Plan, v *judge.Verdict, def *buckets.DefinitionDifference) {
	next := admin.DefinitionPlan{
		Name: def.Name, Change: string(def.Difference), Stored: def.Built, Buckets: def.Usage.Buckets, Ops: def.Usage.Ops, Tables: []string{},
	}
	if def.Difference == buckets.DefinitionChanged || def.Difference == buckets.DefinitionRemoved {
		p.Buckets += def.Usage.Buckets
		p.Ops += def.Usage.Ops
	}
	if def.Rules != nil {
		for _, pattern := range def.Rules.Tables() {
			next.Tables = append(next.Tables, pattern.String())
			if !def.Built {
				d.addTables(p, v, pattern, def.Name)
			}
		}
	}
	p.Definitions = append(p.Definitions, next)
}

// addTables adds the tables of a pattern, each once.
func (d *Deploys) addTables(p *admin.Plan, v *judge.Verdict, pattern syncrules.TablePattern, definition string) {
	survey := v.Surveys[pattern.Connection]
	if survey == nil {
		return // the definition names a source that is not configured
	}
	for _, t := range survey.Tables(pattern) {
		i := slices.IndexFunc(p.Tables, func(have admin.TablePlan) bool {
			return have.Source == pattern.Connection && have.Schema == t.Schema && have.Name == t.Name
		})
		if i < 0 {
			i = len(p.Tables)
			next := admin.TablePlan{
				Source: pattern.Connection, Schema: t.Schema, Name: t.Name, Bytes: t.Bytes,
				Stored: d.store.Holds(pattern.Connection, t.Schema, t.Name),
			}
			if t.Rows >= 0 {
				next.Rows = &t.Rows
			}
			p.Tables = append(p.Tables, next)
		}
		if !slices.Contains(p.Tables[i].Definitions, definition) {
			p.Tables[i].Definitions = append(p.Tables[i].Definitions, definition)
		}
	}
}

// clients counts whom the differences concern: who holds buckets that go, and everybody where something comes that everybody may get.
func (d *Deploys) clients(c *buckets.Comparison) admin.ClientsPlan {
	out := admin.ClientsPlan{Connected: d.store.Subscribed()}
	var going []buckets.DefinitionID
	for i := range c.Definitions {
		x := &c.Definitions[i]
		if x.Difference == buckets.DefinitionUnchanged {
			continue
		}
		if x.Rules != nil && x.Rules.AutoSub {
			out.Concerned = out.Connected
			return out
		}
		if x.Old != 0 {
			going = append(going, x.Old)
		}
	}
	out.Concerned = d.store.Watching(going)
	return out
}

// estimate sums up what is read, and says how long it takes at the rate of the slowest source.
func (d *Deploys) estimate(p *admin.Plan) {
	for _, t := range p.Tables {
		if t.Stored {
			continue
		}
		p.Bytes += t.Bytes
		if t.Rows != nil {
			p.Rows += *t.Rows
		}
	}
	if p.Rate = d.rate(); p.Rate > 0 {
		p.Seconds = float64(p.Rows) / p.Rate
	}
}

// rate is that of the slowest source, 0 if none was measured.
func (d *Deploys) rate() (slowest float64) {
	for _, src := range d.sources {
		if r := src.Rate(); r > 0 && (slowest == 0 || r < slowest) {
			slowest = r
		}
	}
	return slowest
}
