package buckets

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The rows of a chunk whose blocks were made beside the writer meet rows that are known: streamed before, streamed in the same update, and
// read by another chunk that is stored in the same update. They are left out of the blocks, and what is known counts (I8).
func TestPackedChunkMeetsKnownRows(t *testing.T) {
	for name, runs := range map[string]int{"as recent rows": 1000, "as runs": 1} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.db.SetRunRows(runs)
			h.deploy(ownerRules)
			h.plan(items)
			tab := h.begin(items)[0]
			h.stream(ins(items, "1", "ann", "streamed", nil), ins(items, "2", "ann", "streamed", nil), del(items, "3"))
			var chunks []portion
			want := map[string]string{}
			for c, n := range []string{"first", "second"} {
				chunk := &Chunk{Table: tab.ID, Generation: tab.Generation, Relation: items, Last: c == 1}
				for i := 200 * c; i < 200*c+300; i++ { // a hundred are in both
					key := fmt.Sprint(i)
					chunk.Rows = append(chunk.Rows, tuple(key, []string{"ann", "bob"}[i%2], n, nil))
					if want[key] == "" {
						want[key] = n
					}
				}
				p := h.prepare(chunk)
				if p.packed == nil {
					t.Fatal("the blocks of a chunk of a first generation were not made")
				}
				chunks = append(chunks, p.whole(chunk))
			}
			want["1"], want["2"], want["4"] = "streamed", "streamed", "same update"
			delete(want, "3")
			delete(want, "6")
			h.must(h.do(h.ctx, func(b *batch) error {
				h.pos += 8
				changes := []Change{ins(items, "4", "ann", "same update", nil), del(items, "6")}
				if err := b.transaction(&Transaction{Source: "default", End: h.pos, Changes: changes}); err != nil {
					return err
				}
				for _, p := range chunks {
					if err := b.chunk(p); err != nil {
						return err
					}
				}
				return nil
			}))
			h.fence(items)
			got := values(h.client("ann"), "items", "n")
			maps.Copy(got, values(h.client("bob"), "items", "n"))
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("rows (-want +got):\n%s", d)
			}
		})
	}
}
