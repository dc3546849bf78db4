package buckets

import (
	"strings"
	"testing"
)

// after starts a first snapshot of items whose chunk phase is open.
func startSnapshot(t *testing.T) *harness {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.begin(items)
	return h
}

// reread answers the partial rows of items with rows, as if the Barrier had started at position started.
func (h *harness) reread(started Position, rows ...Tuple) {
	h.tb.Helper()
	for _, t := range h.tablesOf(items) {
		h.must(h.SaveReread(h.ctx, &Reread{Table: t.ID, Generation: t.Generation, Relation: items, Started: started, Rows: rows}))
	}
}

func TestUnchangedToastSurvives(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", big("A")))
	h.stream(upd(items, "1", "ann", "b", "<u>"))
	h.reopen()
	h.stream(upd(items, "1", "bob", "c", "<u>"), move(items, "1", "2", "bob", "d", "<u>"))
	h.wantColumn("bob", "b", map[string]string{"2": big("A")})
	h.wantN("bob", map[string]string{"2": "d"})
}

// Under FULL the old tuple has the value, whatever is kept.
func TestUnchangedToastFromFullOldTuple(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	h.stream(Change{Op: Update, Relation: items, OldFull: true, Old: tuple("1", "ann", "a", "short"), New: tuple("2", "ann", "b", "<u>")})
	h.wantColumn("ann", "b", map[string]string{"2": "short"})
}

// Architecture 5.8: a value that was not kept closes the gate until the row is re-read and another fence passed.
func TestUnkeptToastIsReread(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", "short"))
	changed := h.Changed()
	h.stream(upd(items, "1", "ann", "b", "<u>"), ins(items, "2", "ann", "x", nil))
	<-changed // the driver of snapshots is told
	h.wantN("ann", map[string]string{"1": "a"})
	tab := h.Tables("default")[0]
	keys, err := h.Partials(h.ctx, tab.ID, 10)
	h.must(err)
	if tab.Phase != Repairing || tab.Partials != 1 || len(keys) != 1 || string(keys[0][0]) != "1" {
		t.Fatalf("phase %d, %d partial rows, keys %q; want %d, 1, row 1", tab.Phase, tab.Partials, keys, Repairing)
	}
	h.reopen()
	if h.fence(items) {
		t.Fatal("the fence passed a partial row")
	}
	h.reread(h.pos, tuple("1", "ann", "b", "short"))
	h.wantN("ann", map[string]string{"1": "a"})
	if !h.fence(items) {
		t.Fatal("the fence did not pass")
	}
	h.wantN("ann", map[string]string{"1": "b", "2": "x"})
	h.wantColumn("ann", "b", map[string]string{"1": "short", "2": "<nil>"})
}

// Without a key whole rows are asked for: not more of them at a time than a few megabytes (I14).
func TestPartialsOfWideRows(t *testing.T) {
	bag := relation(16384, "items", "id", "owner", "n", "b")
	bag.Columns[0].Key, bag.Identity = false, 'f'
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(bag)
	var rows []Tuple
	var gone []Change
	for _, id := range []string{"1", "2", "3"} {
		row := tuple(id, "ann", "a", strings.Repeat(id, 3<<20))
		rows = append(rows, row, row)
		gone = append(gone, Change{Op: Delete, Relation: bag, OldFull: true, Old: row})
	}
	h.snapshot(bag, rows...)
	h.stream(gone...)
	tab := h.Tables("default")[0]
	keys, err := h.Partials(h.ctx, tab.ID, 10)
	h.must(err)
	if tab.Partials != 3 || len(keys) != 2 {
		t.Fatalf("%d keys of %d partial rows, want 2 of 3", len(keys), tab.Partials)
	}
}

// postgres-facts 11: a re-read that may be older than the row's last change is not applied.
func TestRereadOlderThanThePartialRow(t *testing.T) {
	h := startSnapshot(t)
	h.chunk(items, true)
	started := h.pos
	h.stream(upd(items, "1", "ann", "a", "<u>"))
	h.reread(started, tuple("1", "ann", "a", big("old")))
	if h.fence(items) {
		t.Fatal("a re-read from before the change completed the row")
	}
	h.reread(h.pos, tuple("1", "ann", "a", big("new")))
	h.fence(items)
	h.wantColumn("ann", "b", map[string]string{"1": big("new")})
}

// I8: the stream wins over a chunk, whichever comes first, and deletes leave tombstones.
func TestStreamWins(t *testing.T) {
	for name, streamFirst := range map[string]bool{"stream before chunk": true, "chunk before stream": false} {
		t.Run(name, func(t *testing.T) {
			h := startSnapshot(t)
			stream := func() {
				h.stream(upd(items, "1", "ann", "new", "x"), del(items, "2"), ins(items, "4", "ann", "four", "x"),
					move(items, "3", "5", "ann", "moved", "x"))
			}
			chunk := func() {
				h.chunk(items, true, tuple("1", "ann", "old", "x"), tuple("2", "ann", "gone", "x"), tuple("3", "ann", "before", "x"))
			}
			if streamFirst {
				stream()
				h.reopen() // tombstones and touched marks survive a crash
				h.plan(items)
				chunk()
			} else {
				chunk()
				stream()
			}
			if !h.fence(items) {
				t.Fatal("the fence found partial rows")
			}
			h.wantN("ann", map[string]string{"1": "new", "4": "four", "5": "moved"})
		})
	}
}

// A chunk fills what an update left unknown, and nothing else of a row that the stream touched.
func TestChunkFillsUnknownColumn(t *testing.T) {
	h := startSnapshot(t)
	h.stream(upd(items, "1", "ann", "new", "<u>"))
	h.chunk(items, true, tuple("1", "bob", "old", big("B")))
	h.fence(items)
	h.wantN("ann", map[string]string{"1": "new"})
	h.wantColumn("ann", "b", map[string]string{"1": big("B")})
}

// A value that the stream brought but that was too small to be kept is not filled by a chunk that was read before it came.
func TestChunkDoesNotFillWhatTheStreamBrought(t *testing.T) {
	h := startSnapshot(t)
	h.stream(upd(items, "1", "ann", "a", "new"))
	h.stream(upd(items, "1", "ann", "b", "<u>"))
	h.chunk(items, true, tuple("1", "ann", "old", "stale"))
	if h.fence(items) {
		t.Error("the fence passed a row that only an old chunk could have completed")
	}
	h.reread(h.pos, tuple("1", "ann", "b", "new"))
	h.fence(items)
	h.wantColumn("ann", "b", map[string]string{"1": "new"})
}

// postgres-facts 11.1 (C3): keys swap while the table is read. A value that a chunk brought must not travel to another key, and a
// chunk must not fill a row whose key moved.
func TestKeySwapDuringSnapshot(t *testing.T) {
	swap := []Change{
		move(items, "1", "-1", "ann", "a", "<u>"), move(items, "2", "1", "ann", "b", "<u>"), move(items, "-1", "2", "ann", "a", "<u>"),
	}
	swapped := []Tuple{tuple("1", "ann", "b", big("B")), tuple("2", "ann", "a", big("A"))}
	want := map[string]string{"1": big("B"), "2": big("A")}
	for name, play := range map[string]func(h *harness){
		"chunk sees the swap, stream brings it later": func(h *harness) {
			h.chunk(items, true, swapped...)
			h.stream(swap...)
		},
		"chunk read before the swap, stored after": func(h *harness) {
			h.stream(swap...)
			h.chunk(items, true, tuple("1", "ann", "a", big("A")), tuple("2", "ann", "b", big("B")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := startSnapshot(t)
			play(h)
			if h.fence(items) {
				t.Error("the fence passed: values travelled unverified")
			}
			h.reread(h.pos, swapped...)
			if !h.fence(items) {
				t.Fatal("the fence did not pass after the re-read")
			}
			h.wantColumn("ann", "b", want)
		})
	}
}

// postgres-facts 11.2 (C4): an image of an older generation completes nothing.
func TestOldGenerationCompletesNothing(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", big("stale")))
	_, err := h.BeginGeneration(h.ctx, h.Tables("default")[0].ID, items)
	h.must(err)
	h.stream(upd(items, "1", "ann", "n2", "<u>"))
	h.chunk(items, true, tuple("1", "ann", "n2", big("fresh")))
	h.fence(items)
	h.wantColumn("ann", "b", map[string]string{"1": big("fresh")})
}

// A key of more than 2 kB can itself be unchanged TOAST; it is in the old tuple then.
func TestUnchangedKey(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	key := big("k")
	h.snapshot(items, tuple(key, "ann", "a", "x"))
	c := upd(items, "<u>", "ann", "b", "x")
	c.Old = items.oldKey(key)
	h.stream(c)
	h.wantN("ann", map[string]string{key: "b"})
}

// Without row images each value that Postgres left out is read again, and nothing else changes.
func TestNoRowImages(t *testing.T) {
	h := newHarnessWith(t, Options{RowImages: RowImagesNone})
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "a", big("A")))
	h.stream(upd(items, "1", "ann", "a2", "<u>"))
	tab := h.Tables("default")[0]
	if tab.Phase != Repairing || tab.Partials != 1 {
		t.Fatalf("phase %d with %d partial rows, want %d with 1", tab.Phase, tab.Partials, Repairing)
	}
	h.must(h.SaveReread(h.ctx, &Reread{
		Table: tab.ID, Generation: tab.Generation, Relation: items, Started: h.pos, Rows: []Tuple{tuple("1", "ann", "a2", big("A"))},
	}))
	h.fence(items)
	h.wantColumn("ann", "b", map[string]string{"1": big("A")})
}
