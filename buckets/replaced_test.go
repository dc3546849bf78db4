package buckets

import "testing"

var itemsAgain = relation(4711, "items", "id", "owner", "n", "b")

// A relation that replaces another one takes over its tracked table: changes of the old one count until the generation begins, and those of
// the new one from there. Rows that are the same make no op (I12).
func TestReplacedTable(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", nil), tuple("2", "ann", "b", nil), tuple("3", "ann", "c", nil))
	id := h.Tables("default")[0].ID
	heirs, err := h.Track(h.ctx, "default", itemsAgain, id)
	h.must(err)
	if len(heirs) != 1 || heirs[0].ID != id || heirs[0].Relation.OID != items.OID {
		t.Fatalf("Track reports %+v, want the table as it is", heirs)
	}
	h.stream(upd(items, "1", "ann", "old", nil), upd(itemsAgain, "2", "ann", "too early", nil))
	h.wantN("ann", map[string]string{"1": "old", "2": "b", "3": "c"})
	h.reopen()
	before := h.checkpoint()

	_, err = h.BeginGeneration(h.ctx, id, itemsAgain)
	h.must(err)
	h.reopen() // what it is of now is in the file
	h.stream(upd(items, "3", "ann", "too late", nil), upd(itemsAgain, "2", "ann", "new", nil))
	h.stream(Change{Op: Truncate, Truncated: []uint32{items.OID}})
	h.chunk(itemsAgain, true, tuple("1", "ann", "old", nil), tuple("2", "ann", "b", nil), tuple("3", "ann", "c", nil))
	if !h.fence(itemsAgain) {
		t.Fatal("the fence found partial rows")
	}
	h.wantN("ann", map[string]string{"1": "old", "2": "new", "3": "c"})
	if got := h.checkpoint() - before; got != 1 {
		t.Errorf("%d ops, want 1", got)
	}
	h.plan(itemsAgain)
	if tables := h.Tables("default"); len(tables) != 1 {
		t.Errorf("tracked tables: %+v, want one", tables)
	}
}

// A relation that has tables of its own for the definitions takes over none: rows would be there twice.
func TestReplacedByATrackedTable(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", nil))
	h.plan(itemsAgain)
	tables := h.Tables("default")
	if len(tables) != 2 {
		t.Fatalf("tracked tables: %+v, want two", tables)
	}
	got, err := h.Track(h.ctx, "default", itemsAgain, tables[0].ID)
	h.must(err)
	if len(got) != 1 || got[0].ID != tables[1].ID {
		t.Errorf("Track reports %+v, want the relation's own table", got)
	}
	h.must(h.Untrack(h.ctx, tables[0].ID, tables[1].ID))
	if got, err = h.Track(h.ctx, "default", itemsAgain, tables[0].ID); err != nil || len(got) != 1 || got[0].ID != tables[1].ID {
		t.Errorf("Track reports %+v, %v, want the relation's own table", got, err)
	}
}

// A table that is being copied is read from the source once the relation of the two is replaced, and so is its donor.
func TestReplacedWhileCopying(t *testing.T) {
	c := newCopying(t, RowImagesAll)
	v, planned := c.start()
	begun := make(chan error, 1)
	go func() {
		heirs, err := c.Track(c.ctx, "default", itemsAgain, c.Tables("default")[0].ID, c.Tables("default")[1].ID)
		for _, heir := range heirs {
			if err == nil {
				_, err = c.BeginGeneration(c.ctx, heir.ID, itemsAgain)
			}
		}
		begun <- err
	}()
	c.goOn()
	<-planned
	c.must(<-begun)
	if tables := c.tablesOf(itemsAgain); len(tables) != 2 || tables[0].Copying || tables[1].Copying {
		t.Fatalf("tables of the new relation: %+v, want two that are not copied", tables)
	}
	c.chunk(itemsAgain, true, tuple("1", "o1", "again", nil))
	c.fence(itemsAgain)
	c.active(v.ID)
	c.twins(map[string]string{"1": `{"id":"1","owner":"o1","n":"again","b":null}`})
}
