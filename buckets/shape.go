package buckets

// keepShape begins a table anew, in this batch, when the stream brings a row in another shape than the one that its rows were stored
// in: what the store has of the table is of the old shape, so no checkpoint may pass until it has been read again (I9, I13). Whoever
// drives snapshots finds another relation than the catalog's in the table and begins behind a marker.
func (b *batch) keepShape(t *table, rel *Relation) error {
	if rel == t.Relation || rel == t.fitting {
		return nil
	}
	if sameShape(t.Relation, rel) {
		t.fitting = rel
		return nil
	}
	b.s.log.Info("table has another shape: it is read again", "source", t.Source, "table", t.Relation.Schema+"."+t.Relation.Name)
	next := *rel
	next.Schema, next.Name = t.Relation.Schema, t.Relation.Name // it may be renamed, and another one have its place: that is found by the name
	if err := b.begin(t.ID, &next); err != nil {
		return err
	}
	t.fitting = rel
	return nil
}

// sameShape tells whether rows of a and b mean the same as far as the stream can say: it knows neither attribute numbers nor how the
// publication holds a table. Under replica identity FULL it does not know the key either. Under another name, rows are not the table's.
func sameShape(a, b *Relation) bool {
	if a.Schema != b.Schema || a.Name != b.Name || a.Identity != b.Identity || len(a.Columns) != len(b.Columns) {
		return false
	}
	for i := range a.Columns {
		x, y := &a.Columns[i], &b.Columns[i]
		if x.Name != y.Name || x.Type.OID != y.Type.OID || x.Typmod != y.Typmod || a.Identity != 'f' && x.Key != y.Key {
			return false
		}
	}
	return true
}
