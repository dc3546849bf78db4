package replicator

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgoutput"
)

// registry is where planner and stream meet: what the catalog says of the relations that are replicated, and which of them the
// stream has seen in another shape since.
type registry struct {
	version atomic.Int64 // grows with every change of relations

	mu        sync.Mutex
	relations map[uint32]*buckets.Relation // of the newest plan; a pointer stays while its meaning does
	changed   map[uint32]bool              // the stream brought another shape
	unknown   map[uint32]bool              // asked for already
	kept      map[uint32]*buckets.Relation // a generation of it may have begun that plans don't know of yet
	wake      chan struct{}                // capacity 1: the planner should look
	doubt     chan struct{}                // capacity 1: the planner should look within doubtMax
}

func newRegistry() *registry {
	return &registry{
		relations: map[uint32]*buckets.Relation{}, changed: map[uint32]bool{}, unknown: map[uint32]bool{}, kept: map[uint32]*buckets.Relation{},
		wake: make(chan struct{}, 1), doubt: make(chan struct{}, 1),
	}
}

// replace installs the relations of a new plan and puts the pointers that stay into its units. What the store tracks stays known in
// any case, also while the plan can't have it: rows that the stream brings of it must not be skipped.
func (r *registry) replace(units []*unit, tracked []buckets.Table) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := make(map[uint32]*buckets.Relation, len(units))
	maps.Copy(next, r.kept)
	for i := range tracked {
		rel := tracked[i].Relation
		delete(r.kept, rel.OID)
		if next[rel.OID] = rel; r.relations[rel.OID] != nil {
			next[rel.OID] = r.relations[rel.OID]
		}
	}
	for _, u := range units {
		if old := next[u.oid]; old != nil && sameRelation(old, u.rel) {
			u.rel = old
		}
		next[u.oid] = u.rel
	}
	if !maps.Equal(next, r.relations) {
		r.relations = next
		r.unknown = map[uint32]bool{}
		r.version.Add(1)
	}
}

// keep makes a relation known whose generation is about to begin, and keeps it so until the store tracks it: a plan that was made meanwhile
// may not have it, because it was renamed away from where a later plan finds it again.
func (r *registry) keep(rel *buckets.Relation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept[rel.OID] = rel
	if r.relations[rel.OID] == nil {
		r.relations[rel.OID] = rel
		r.version.Add(1)
	}
}

// lookup returns the catalog's description of a relation, nil if it is not replicated.
func (r *registry) lookup(oid uint32) *buckets.Relation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.relations[oid]
}

// sawChange notes that the stream brought a relation in another shape than the catalog's; the planner reads the catalog again.
func (r *registry) sawChange(oid uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed[oid] = true
	r.poke()
}

// sawUnknown notes a relation that is not replicated: it may be a new leaf or a renamed table.
func (r *registry) sawUnknown(oid uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.unknown[oid] {
		r.unknown[oid] = true
		r.poke()
	}
}

// hasChanged tells whether the stream saw another shape of oid since the last call of settle.
func (r *registry) hasChanged(oid uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed[oid]
}

// settle forgets the changes that the stream had passed before a marker: what it brings from here on is news.
func (r *registry) settle(oids []uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, oid := range oids {
		delete(r.changed, oid)
	}
}

// described notes that the stream described a relation as it is known. Postgres does so where something may have changed, and not all
// of that can be seen here: a column that was dropped and added again has its old name and type, and another number in the catalog.
func (r *registry) described() {
	select {
	case r.doubt <- struct{}{}:
	default:
	}
}

// poke wakes the planner.
func (r *registry) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// fits tells whether the stream's description m is that of rel. Under FULL the stream flags every column as key.
func fits(rel *buckets.Relation, m *pgoutput.Relation) bool {
	if rel.Identity != m.Identity || len(rel.Columns) != len(m.Columns) {
		return false
	}
	for i, c := range m.Columns {
		have := &rel.Columns[i]
		if have.Name != c.Name || have.Type.OID != c.Type || have.Typmod != c.Typmod {
			return false
		}
		if rel.Identity != 'f' && have.Key != c.Key {
			return false
		}
	}
	return true
}

// named tells whether m calls the relation as rel does. A leaf is known by its root's name, whatever its own is.
func named(rel *buckets.Relation, m *pgoutput.Relation) bool {
	return rel.Leaf != "" || rel.Schema == m.Namespace && rel.Name == m.Name
}

// rename describes the relation of m under the name that m has for it.
func rename(rel *buckets.Relation, m *pgoutput.Relation) *buckets.Relation {
	renamed := *rel
	renamed.Schema, renamed.Name = m.Namespace, m.Name
	return &renamed
}

// reshape describes rel as the stream has it at this point: columns by the stream's message, what only the catalog knows by name from
// rel. A type that rel does not have passes as text until the planner has begun the table's next generation.
func reshape(rel *buckets.Relation, m *pgoutput.Relation) *buckets.Relation {
	known := map[string]*buckets.Column{}
	for i := range rel.Columns {
		known[rel.Columns[i].Name] = &rel.Columns[i]
	}
	shaped := &buckets.Relation{OID: m.OID, Schema: rel.Schema, Name: rel.Name, Leaf: rel.Leaf, Identity: m.Identity}
	for i, c := range m.Columns {
		// An attribute number that no column has: what is stored under another one is not this column's.
		col := buckets.Column{Attnum: -int16(i) - 1, Name: c.Name, Type: textType(c.Type), Typmod: c.Typmod, Key: c.Key, Varlena: true}
		if have := known[c.Name]; have != nil {
			col.Attnum = have.Attnum
			col.Key = have.Key || c.Key && m.Identity != 'f'
			if have.Type.OID == c.Type {
				col.Type, col.Varlena = have.Type, have.Varlena
			}
		}
		shaped.Varlena = shaped.Varlena || col.Varlena
		shaped.Columns = append(shaped.Columns, col)
	}
	return shaped
}
