package buckets

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weirsync/weir/storage"
)

func (h *harness) loads() (n int) {
	h.must(h.db.View(func(tx *storage.Tx) error { n = tx.Loads(); return nil }))
	return n
}

// loaded takes items through a snapshot of three chunks, each of which gives ann's bucket a block of a load.
func (h *harness) loaded() (want map[string]string) {
	h.deploy(ownerRules)
	h.plan(items)
	h.begin(items)
	want = map[string]string{}
	for i := range 3 {
		key := fmt.Sprint(i)
		want[key] = "read"
		h.chunk(items, i == 2, tuple(key, "ann", "read", nil))
		if n := h.loads(); i < 2 && n != i+1 {
			h.tb.Errorf("%d loads after %d chunks: they are merged while more come", n, i+1)
		}
	}
	h.fence(items)
	return want
}

// Blocks of chunks stand in loads until no more chunks come; clients don't notice.
func TestLoadsAreMergedAfterChunks(t *testing.T) {
	h := newHarness(t)
	h.reopenWith(func(s *Store) { s.loads.blocks, s.loads.step = 1, 1 })
	want := h.loaded()
	h.wantN("ann", want)
	for deadline := time.Now().Add(30 * time.Second); h.loads() > 0; {
		if time.Now().After(deadline) {
			t.Fatal("the loads are not merged")
		}
		h.must(h.do(h.ctx, func(*batch) error { return nil }))
	}
	h.wantN("ann", want)
}

// Compaction leaves a bucket alone as long as there are loads: a block that it has seen in one can have become a part of a larger block with the
// same last op when it comes to exchange it.
func TestCompactionWaitsForLoads(t *testing.T) {
	h := newHarness(t)
	h.reopenWith(func(s *Store) { s.loads.blocks, s.chores = 1, s.chores[:len(s.chores)-2] }) // all but merging
	want := h.loaded()
	h.stream(upd(items, "1", "ann", "new", nil))
	want["1"] = "new"
	if p, err := h.beginPass(1, true); p != nil || err != nil {
		t.Errorf("a pass over ann's bucket begins beside loads, error %v", err)
	}
	stats, err := h.Compact(h.ctx)
	h.must(err)
	if stats.Moved > 0 || h.loads() != 3 {
		t.Errorf("%d ops were compacted beside %d loads", stats.Moved, h.loads())
	}
	h.must(h.do(h.ctx, (*batch).mergeLoads))
	h.wantN("ann", want)
	stats, err = h.Compact(h.ctx)
	h.must(err)
	if stats.Moved != 1 {
		t.Errorf("%d ops were compacted when the loads were merged, want 1", stats.Moved)
	}
	h.wantN("ann", want)
}

// Of a chunk's blocks only those go into a load that a merge can join: a full one has nothing to gain there, and would make a step of merging
// longer than it should be. The other ones are compaction's, which counts those that are small.
func TestOnlySmallBlocksAreLoaded(t *testing.T) {
	h := newHarness(t)
	h.reopenWith(func(s *Store) { s.loads.blocks, s.chores, s.opts.Compact.Off = 1, nil, true })
	h.deploy(ownerRules)
	h.plan(items)
	h.begin(items)
	var rows []Tuple
	for i := range 300 {
		noise := fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, i)))
		rows = append(rows, tuple(fmt.Sprint("z", i), "full", strings.Repeat("x", 1000), nil)) // 16 times as long as it is stored
		if i < 100 {
			rows = append(rows, tuple(fmt.Sprint("n", i), "noise", noise+noise, nil))
		}
	}
	rows = append(rows, tuple("s", "small", "x", nil))
	h.chunk(items, false, rows...)
	if h.loads() != 1 {
		t.Fatalf("%d loads, want 1", h.loads())
	}
	h.must(h.db.View(func(tx *storage.Tx) error {
		return tx.Buckets(0, func(id BucketID, state storage.Bucket) bool {
			full, small := 0, int64(0)
			h.must(tx.BlocksUp(id, func(b *storage.StoredBlock) (bool, error) {
				_, size, err := b.Ops()
				placed := tx.HasBlock(id, b.Last)
				if size >= storage.BlockTarget {
					full++
					if !placed {
						t.Errorf("%s: a full block of %d bytes is in a load", state.Name, b.Size)
					}
				} else if placed {
					small++
				}
				return true, err
			}))
			if (full > 0) != (state.Name == `by_owner["full"]`) || (small > 0) != (state.Name == `by_owner["noise"]`) || state.Compaction.Small != small {
				t.Errorf("%s: %d full blocks, %d small ones in no load, counted %d", state.Name, full, small, state.Compaction.Small)
			}
			return true
		})
	}))
}
