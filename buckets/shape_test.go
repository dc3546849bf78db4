package buckets

import "testing"

// From the first row in another shape on no checkpoint passes, until the table was read in it (I9, I13).
func TestAnotherShapeShutsTheGate(t *testing.T) {
	retyped := relation(items.OID, items.Name, "id", "owner", "n", "b")
	retyped.Columns[3].Typmod = 7
	for name, shape := range map[string]*Relation{
		"column added":   relation(items.OID, items.Name, "id", "owner", "n", "b", "extra"),
		"column dropped": relation(items.OID, items.Name, "id", "owner", "n"),
		"column renamed": relation(items.OID, items.Name, "id", "owner", "n", "c"),
		"retyped":        retyped,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.deploy(ownerRules)
			h.plan(items)
			h.snapshot(items, tuple("1", "ann", "a", nil), tuple("2", "ann", "b", nil))
			row := tuple("1", "ann", "a2", nil, nil)[:len(shape.Columns)]
			h.stream(Change{Op: Update, Relation: shape, New: row})
			h.wantN("ann", map[string]string{"1": "a", "2": "b"})
			h.stream(Change{Op: Update, Relation: shape, New: row})
			tab := h.Tables("default")[0]
			if tab.Phase != Chunking || tab.Generation != 2 {
				t.Errorf("phase %d of generation %d, want %d of 2", tab.Phase, tab.Generation, Chunking)
			}
			h.chunk(shape, true, row, tuple("2", "ann", "b", nil, nil)[:len(shape.Columns)])
			h.fence(shape)
			h.wantN("ann", map[string]string{"1": "a2", "2": "b"})
		})
	}
}

// A row under another name is none of the table's. The table keeps its name, by which another relation may be found in its place.
func TestRenamedTableShutsTheGate(t *testing.T) {
	away := relation(items.OID, "away", "id", "owner", "n", "b")
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", nil), tuple("2", "ann", "b", nil))
	for _, v := range []string{"x", "y"} {
		h.stream(upd(away, "1", "ann", v, nil))
		h.wantN("ann", map[string]string{"1": "a", "2": "b"})
		if tab := h.Tables("default")[0]; tab.Phase != Chunking || tab.Generation != 2 || tab.Relation.Name != "items" {
			t.Errorf("phase %d of generation %d of %s, want %d of 2 of items", tab.Phase, tab.Generation, tab.Relation.Name, Chunking)
		}
	}
	_, err := h.BeginGeneration(h.ctx, h.Tables("default")[0].ID, itemsAgain)
	h.must(err)
	h.chunk(itemsAgain, true, tuple("2", "ann", "b", nil), tuple("3", "ann", "c", nil))
	h.fence(itemsAgain)
	h.wantN("ann", map[string]string{"2": "b", "3": "c"})
}

// The same shape in another description, as after a reconnect, begins nothing.
func TestSameShapeInAnotherDescription(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", nil))
	again := *items
	again.Columns = append([]Column(nil), items.Columns...)
	again.Columns[2].Attnum, again.Published = -3, "somehow"
	h.stream(upd(&again, "1", "ann", "a2", nil))
	h.wantN("ann", map[string]string{"1": "a2"})
}
