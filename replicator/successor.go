package replicator

import "github.com/weirsync/weir/buckets"

// Where a table was dropped and made again, or another one was renamed into its place, the relation is another one to Postgres and to the
// stream, and the table is the same to the rules. So its tracked table is not dropped: its next generation is read from the new relation,
// its successor, and only rows that differ are sent (I12).
//
// That generation begins behind a marker: until there the stream may have changes of the old relation, which concern the old generation.
// Those of the new one that it had before were committed before the Barrier, so chunks see them. Until it begins the store has the old
// relation, and a process that dies finds the successor again.

// tableName is what a relation is known by, whatever its oid.
type tableName struct{ schema, table, leaf string }

func nameOf(rel *buckets.Relation) tableName { return tableName{rel.Schema, rel.Name, rel.Leaf} }

// ownName is the name of the relation that t is, or would be.
func (t *table) ownName() tableName {
	n := tableName{schema: t.rootSchema, table: t.rootName}
	if t.partition {
		n.leaf = ident(t.schema, t.name)
	}
	return n
}

// replaced lists the tracked tables whose relation the rules don't read any more, by the unit that has its name now.
func (p *plan) replaced(tracked []buckets.Table) map[*unit][]buckets.TableID {
	units := make(map[tableName]*unit, len(p.units))
	for _, u := range p.units {
		units[u.ownName()] = u
	}
	out := map[*unit][]buckets.TableID{}
	for i := range tracked {
		t := &tracked[i]
		if u := units[nameOf(t.Relation)]; u != nil && !p.seen[t.Relation.OID] {
			out[u] = append(out[u], t.ID)
		}
	}
	return out
}

// inherit notes which of the tables that u has are still another relation's.
func (p *plan) inherit(u *unit, tables []buckets.Table) {
	for i := range tables {
		if tables[i].Relation.OID != u.oid {
			p.heirs[tables[i].ID] = u
		}
	}
}

// unitOf returns the plan's unit that a tracked table is to be read from, or nil.
func (p *plan) unitOf(t *buckets.Table) *unit {
	if u := p.unit(t.Relation.OID); u != nil {
		return u
	}
	return p.heirs[t.ID]
}

// awaits tells whether a table has the name of rel, or of its root, that can't be replicated yet: one that is being restored gets its
// primary key last.
func (p *plan) awaits(rel *buckets.Relation) bool {
	return p.unfit[nameOf(rel)] || p.unfit[tableName{schema: rel.Schema, table: rel.Name}]
}
