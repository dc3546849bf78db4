package buckets

import (
	"fmt"
	"math/rand"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/storage"
)

// TestTruncateGoesInSteps: a large table is emptied in several updates of the file (I14), clients see it at once and only when the last row is
// gone (I1), and a restart between two steps changes nothing about that.
func TestTruncateGoesInSteps(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart %v", restart), func(t *testing.T) {
			const count = 6 * choreKeys
			h := &modelStore{t: t, path: filepath.Join(t.TempDir(), "weir.db"), r: rand.New(rand.NewSource(1)), pos: 1000}
			h.open()
			h.s.runs = defaultRuns // a model's would be merged in between, row by row
			id := h.filled(count)
			h.pos = 2000
			h.jobs = []*job{
				{kind: jobTransaction, tx: &Transaction{Source: "default", End: h.pos, Changes: []Change{
					ins(items, "gone", "ann", "x", nil),
					{Op: Truncate, Truncated: []uint32{items.OID}},
					ins(items, "7", "ann", "again", nil),
				}}},
			}
			steps := 0
			for h.commit(); h.s.catalog.tables[id].Phase != Done; h.commit() {
				if steps++; steps > 10 {
					t.Fatal("the table is not emptied")
				}
				if n := h.clientRows(); n != count {
					t.Fatalf("behind step %d the client has %d rows, want those of before, %d", steps, n, count)
				}
				if restart && steps == 1 {
					h.reopen()
					h.s.runs = defaultRuns
					h.fence(id)
				}
			}
			if steps < 2 {
				t.Errorf("the table was emptied in %d steps", steps)
			}
			rows, err := clientRows(h.s, "ann")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]string{"7": "again"}, values(rows, "items", "n")); diff != "" {
				t.Errorf("client's rows (-want +got):\n%s", diff)
			}
			h.close()
			if report, err := storage.Check(h.path); err != nil || !report.OK() {
				t.Errorf("check: %v %+v", err, report)
			}
		})
	}
}

// filled makes items a complete table of count rows that ann has.
func (h *modelStore) filled(count int) (id TableID) {
	h.run(func(b *batch) error {
		if _, err := b.deploy(mustCompile(h.t, ownerRules), ownerRules, ""); err != nil {
			return err
		}
		if _, err := b.track("default", items, nil); err != nil {
			return err
		}
		id = b.s.catalog.byRelation[relationID{"default", items.OID}][0].ID
		return b.begin(id, items)
	})
	h.plan()
	var rows []Tuple
	for i := range count {
		rows = append(rows, tuple(fmt.Sprint(i), "ann", "v", nil))
	}
	h.run(func(b *batch) error {
		c := &Chunk{Table: id, Generation: 1, Relation: items, Rows: rows, Last: true}
		return b.chunk(unprepared(c).whole(c))
	})
	h.fence(id)
	h.commit()
	return id
}

// fence passes the table's fence.
func (h *modelStore) fence(id TableID) {
	t := h.s.catalog.tables[id]
	h.s.update(func() {
		h.s.markers["nonce"] = &marker{source: "default", table: t, gen: t.Generation, done: make(chan struct{})}
	})
	h.stream([]Change{{Op: Message, Prefix: MarkerPrefix, Content: []byte("nonce")}})
}

func (h *modelStore) clientRows() int {
	rows, err := clientRows(h.s, "ann")
	if err != nil {
		h.t.Fatal(err)
	}
	return len(rows)
}
