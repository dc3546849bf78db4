package buckets

import (
	"crypto/sha256"
	"slices"

	"github.com/weirsync/weir/storage"
	"github.com/weirsync/weir/syncrules"
)

// binding is what a tracked table does with rows of one description of its relation. Immutable.
type binding struct {
	rel    *Relation
	key    []int         // indexes of the key columns
	bag    bool          // there are none: all columns are the key, and rows may be equal
	attnum map[int16]int // column index by attnum
	evals  []boundDefinition
}

type boundDefinition struct {
	def *definition
	tab *syncrules.Table
}

// bind returns the table's binding for rel.
func (t *table) bind(rel *Relation) *binding {
	if b, ok := t.binding.Load(rel); ok {
		return b.(*binding)
	}
	b := &binding{rel: rel, attnum: make(map[int16]int, len(rel.Columns))}
	for i := range rel.Columns {
		if rel.Columns[i].Key {
			b.key = append(b.key, i)
		}
		b.attnum[rel.Columns[i].Attnum] = i
	}
	if b.bag = len(b.key) == 0; b.bag {
		for i := range rel.Columns {
			b.key = append(b.key, i)
		}
	}
	target := rulesRelation(t.Source, rel)
	for _, d := range t.defs {
		if !d.alive() {
			continue
		}
		if tab := d.rules.Bind(target); tab != nil {
			b.evals = append(b.evals, boundDefinition{d, tab})
		}
	}
	t.binding.Clear() // one description is current; a change of it is rare
	t.binding.Store(rel, b)
	return b
}

func rulesRelation(source string, rel *Relation) *syncrules.Relation {
	r := &syncrules.Relation{Connection: source, Schema: rel.Schema, Name: rel.Name, Columns: make([]syncrules.Column, len(rel.Columns))}
	for i := range rel.Columns {
		r.Columns[i] = syncrules.Column{Name: rel.Columns[i].Name, Type: rel.Columns[i].Type}
	}
	return r
}

// evaluation is what the rules make of one row.
type evaluation struct {
	places []place
	params []param
}

// place is a row in a bucket.
type place struct {
	def      *definition
	bucket   []byte // without prefix
	typ      string
	id, data []byte
	digest   storage.Digest
}

// param is a parameter row.
type param struct {
	def    *definition
	lookup []byte
	values []byte
	digest storage.Digest
}

// scratch is one goroutine's memory for evaluating rows. Evaluations made with it are valid until reset.
type scratch struct {
	result syncrules.Result
	places []place // where evaluations keep theirs
	text   []byte
	errors int
}

// reset ends the life of the evaluations. The memory stays for the next batch: growing it anew was a third of what a snapshot allocated.
func (sc *scratch) reset() {
	sc.result.Reset()
	clear(sc.places)
	sc.places, sc.errors = sc.places[:0], 0
}

// grow makes room for so many rows of so many bytes, as far as it is known what they come to.
func (sc *scratch) grow(rows, bytes int) {
	sc.places = slices.Grow(sc.places, rows)
	sc.result.Grow(bytes)
}

// evaluate runs the rules of every definition over row. What a query can't evaluate is left out of that query (spec 4.5).
func (bd *binding) evaluate(row Tuple, sc *scratch) evaluation {
	ev, start := evaluation{}, len(sc.places)
	for _, e := range bd.evals {
		if e.def.buried.Load() { // since the table was bound
			continue
		}
		rows, params := len(sc.result.Rows), len(sc.result.Params)
		e.tab.Eval(syncrules.Row(row), &sc.result)
		for _, r := range sc.result.Rows[rows:] {
			sc.add(start, place{def: e.def, bucket: r.Bucket, typ: r.Table, id: r.ID, data: r.Data, digest: sc.putDigest(r)})
		}
		for _, p := range sc.result.Params[params:] {
			ev.params = append(ev.params, param{def: e.def, lookup: lookupOf(p.Lookup), values: p.Values, digest: storage.Digest(sum(p.Values))})
		}
	}
	ev.places = sc.places[start:len(sc.places):len(sc.places)]
	sc.errors += len(sc.result.Errors)
	sc.result.Errors = sc.result.Errors[:0]
	return ev
}

// add puts a place into the evaluation that began at start; the last one counts where two queries give the same object in the same
// bucket.
func (sc *scratch) add(start int, p place) {
	for i := start; i < len(sc.places); i++ {
		q := &sc.places[i]
		if q.def == p.def && q.typ == p.typ && string(q.bucket) == string(p.bucket) && string(q.id) == string(p.id) {
			*q = p
			return
		}
	}
	sc.places = append(sc.places, p)
}

// putDigest is the digest of a PUT; its first 4 bytes, little-endian, are the op's checksum (client protocol 4.1).
func (sc *scratch) putDigest(r syncrules.BucketRow) storage.Digest {
	b := append(append(sc.text[:0], "put."...), r.Table...)
	b = append(append(b, '.'), r.ID...)
	b = append(append(b, '.'), r.Data...)
	sc.text = b
	return storage.Digest(sum(b))
}

func sum(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:8]
}
