package replicator

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/syncrules"
)

// unit is a relation that weir replicates: a table, or a leaf of a partitioned one.
type unit struct {
	*table
	rel *buckets.Relation
}

// plan is what the rules want of the source, as the catalog has it now.
type plan struct {
	demand  demand
	units   []*unit
	missing []*table // usable, but not in the publication yet
	faults  Faults
	broken  map[syncrules.TablePattern]bool // patterns that a fault concerns
	seen    map[uint32]bool                 // every relation that the rules read, fit or not
	unfit   map[tableName]bool              // tables that a fault concerns, or that publish left missing
	heirs   map[buckets.TableID]*unit       // of tracked tables whose relation it replaces
}

// makePlan reads the catalog. Its parts come from one snapshot, so that they fit together.
func (s *Source) makePlan(ctx context.Context, d demand) (*plan, error) {
	var p *plan
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		version := int(s.version.Load())
		tables, err := loadTables(ctx, tx, d, s.cfg.Publication, version)
		if err != nil {
			return err
		}
		p = assess(d, tables, s.sv.user)
		return p.resolve(ctx, tx, version)
	})
	if err != nil {
		return nil, fmt.Errorf("read catalog: %w", err)
	}
	return p, nil
}

// assess sorts tables into those that can be replicated and faults.
func assess(d demand, tables []*table, user string) *plan {
	p := &plan{demand: d, broken: map[syncrules.TablePattern]bool{}, seen: map[uint32]bool{}, unfit: map[tableName]bool{}, heirs: map[buckets.TableID]*unit{}}
	found := map[syncrules.TablePattern]bool{}
	for _, t := range tables {
		p.seen[t.oid] = true
		for _, pattern := range d.patterns {
			if covers(pattern, t.rootSchema, t.rootName) {
				found[pattern] = true
			}
		}
		faults := t.faults(user)
		switch {
		case len(faults) > 0:
			p.fault(t, faults)
		case t.kind == "p":
			if t.member == 0 && !leafPublished(tables, t) {
				p.missing = append(p.missing, t)
			}
		case t.published:
			p.units = append(p.units, &unit{table: t})
		case !t.partition: // a leaf comes with its root
			p.missing = append(p.missing, t)
		}
	}
	for _, pattern := range d.patterns {
		if !found[pattern] && !pattern.Wildcard {
			p.broken[pattern] = true
			p.faults = append(p.faults, missingTable(pattern))
		}
	}
	return p
}

// leafPublished tells whether a leaf of root is published. Postgres lists leaves, not roots.
func leafPublished(tables []*table, root *table) bool {
	for _, t := range tables {
		if t.partition && t.published && t.rootSchema == root.schema && t.rootName == root.name {
			return true
		}
	}
	return false
}

func missingTable(p syncrules.TablePattern) *Fault {
	return &Fault{
		Code:    CodeTableMissing,
		Message: fmt.Sprintf("the rules name table %s, which does not exist", ident(p.Schema, p.Name)),
		Hint:    "create it, or correct the name in the rules (unquoted names are lower case in Postgres)",
	}
}

func (p *plan) fault(t *table, faults Faults) {
	p.faults = append(p.faults, faults...)
	if t.kind == "r" || t.kind == "p" {
		p.unfit[t.ownName()] = true
	}
	for _, pattern := range p.demand.patterns {
		// A wildcard takes what it can; a table that is named has to work.
		if !pattern.Wildcard && covers(pattern, t.rootSchema, t.rootName) {
			p.broken[pattern] = true
		}
	}
}

// resolve fills in the units' relations.
func (p *plan) resolve(ctx context.Context, q querier, version int) error {
	seen := map[uint32]bool{}
	var oids []uint32
	for _, u := range p.units {
		for _, c := range u.columns {
			if !seen[c.typ] {
				seen[c.typ] = true
				oids = append(oids, c.typ)
			}
		}
	}
	types, err := loadTypes(ctx, q, oids)
	if err != nil {
		return err
	}
	for _, u := range p.units {
		u.rel = u.relation(types, version)
	}
	return nil
}

// ready lists the definitions all of whose tables are in the plan.
func (p *plan) ready() []buckets.DefinitionID {
	var ids []buckets.DefinitionID
	for id, patterns := range p.demand.needs {
		ok := len(patterns) == 0 || !p.empty()
		for _, pattern := range patterns {
			ok = ok && !p.broken[pattern]
		}
		if ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// empty tells that the rules need tables and there is none to be had. Wildcards may match nothing, but not all of them: that is a wrong
// database or a wrong name, and would look like a source without rows.
func (p *plan) empty() bool { return len(p.demand.patterns) > 0 && len(p.units)+len(p.missing) == 0 }

// emptiness is the fault of it, if it is so once what was missing is published.
func (p *plan) emptiness(publication string) Faults {
	if len(p.demand.patterns) == 0 || len(p.units) > 0 {
		return nil
	}
	return Faults{emptyPublication(publication)}
}

// unit returns the plan's unit of a relation, or nil.
func (p *plan) unit(oid uint32) *unit {
	for _, u := range p.units {
		if u.oid == oid {
			return u
		}
	}
	return nil
}

// addTable adds a table to the publication, if that is weir's to do.
func (s *Source) addTable(ctx context.Context, t *table) error {
	if s.cfg.Manual {
		return notPublished(s.cfg.Publication, t.schema, t.name)
	}
	return addTable(ctx, s.pool, s.cfg.Publication, t.schema, t.name)
}

// publish adds what is missing to the publication and reports the oids of the units that this brought.
func (s *Source) publish(ctx context.Context, p *plan) (*plan, map[uint32]bool, error) {
	added := map[uint32]bool{}
	if len(p.missing) == 0 {
		return p, added, nil
	}
	had := map[uint32]bool{}
	for _, u := range p.units {
		had[u.oid] = true
	}
	broken := map[uint32]Faults{}
	for _, t := range p.missing {
		err := s.addTable(ctx, t)
		if errors.Is(err, errIdentityGone) {
			continue
		}
		if fs := faultsOf(err); len(fs) > 0 {
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			broken[t.oid] = fs
		} else {
			s.log.Info("table added to publication", "table", t.schema+"."+t.name, "publication", s.cfg.Publication)
		}
	}
	again, err := s.makePlan(ctx, p.demand)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range again.missing {
		again.unfit[t.ownName()] = true // also one that came since: it is published when the catalog is looked at next
		if fs := broken[t.oid]; fs != nil {
			again.fault(t, fs)
		}
	}
	for _, u := range again.units {
		if !had[u.oid] {
			added[u.oid] = true
		}
	}
	return again, added, nil
}
