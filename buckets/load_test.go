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

// Compaction leaves what stands in loads alone: a block that it has seen in one can have become a part of a larger block with the same last op
// when it comes to exchange it. Older blocks it does not wait to compact.
func TestCompactionStopsBelowLoads(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "read", nil), tuple("2", "ann", "read", nil))
	h.stream(upd(items, "1", "ann", "a", nil))
	h.reopenWith(func(s *Store) { s.loads.batch, s.loads.rest, s.opts.Compact.Off = 1, time.Hour, true })
	h.stream(upd(items, "2", "ann", "b", nil))
	h.stream(upd(items, "1", "ann", "c", nil), upd(items, "2", "ann", "d", nil))
	h.moved(1, 2)
	h.moved(0, 2) // there is nothing new below the loads
	h.must(h.do(h.ctx, (*batch).mergeLoads))
	h.moved(3, 0)
	h.wantN("ann", map[string]string{"1": "c", "2": "d"})
}

// A pass over a bucket that has left the loads, while others are still in them, stops below what became one block of ops before and behind its
// target: it would call them done, and what they supersede would stay.
func TestCompactionStopsBelowJoinedBlocks(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items, tuple("1", "ann", "read", nil), tuple("2", "bob", "read", nil), tuple("3", "ann", "read", nil))
	h.reopenWith(func(s *Store) {
		s.loads.batch, s.loads.step, s.loads.rest, s.opts.Compact.Off, s.chores = 1, 1, time.Hour, true, nil
	})
	h.stream(upd(items, "1", "ann", "a", nil))
	h.stream(upd(items, "3", "ann", "b", nil), upd(items, "2", "bob", "c", nil))
	h.must(h.do(h.ctx, (*batch).mergeLoads)) // of ann
	h.moved(0, 1)
	h.must(h.do(h.ctx, (*batch).mergeLoads))
	h.moved(3, 0)
	h.wantN("ann", map[string]string{"1": "a", "3": "b"})
}

// moved compacts, and wants so many ops to be moved, and so many loads to stay.
func (h *harness) moved(ops int64, loads int) {
	h.tb.Helper()
	stats, err := h.Compact(h.ctx)
	h.must(err)
	if got := h.loads(); stats.Moved != ops || got != loads {
		h.tb.Errorf("%d ops were moved beside %d loads, want %d beside %d", stats.Moved, got, ops, loads)
	}
}

// A backlog that gives many buckets a small block each puts them into a load. While clients read, a few loads wait to be merged together until
// no more come; when there are too many of them, blocks go where they belong.
func TestBacklogIsLoaded(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	h.reopenWith(func(s *Store) {
		s.loads.batch, s.loads.commit, s.loads.served, s.loads.rest = 3, 3, 2, time.Hour
		s.chores = nil
	})
	commit := func(n string, owners ...string) {
		var changes []Change
		for _, owner := range owners {
			changes = append(changes, upd(items, owner, owner, n, nil))
		}
		h.stream(changes...)
	}
	merges := func() (due bool) {
		h.must(h.do(h.ctx, func(b *batch) error { due = b.s.catalog.loaded(b.s.loads); return nil }))
		return due
	}
	commit("few", "ann", "bob")
	if n := h.loads(); n != 0 {
		t.Errorf("two blocks become a load")
	}
	for i, want := range []struct {
		loads  int
		merges bool
	}{{1, false}, {2, true}, {3, true}, {4, true}, {4, true}} {
		commit(fmt.Sprint(i), "ann", "bob", "cid")
		if n, due := h.loads(), merges(); n != want.loads || due != want.merges {
			t.Errorf("after %d batches there are %d loads, to be merged: %t; want %+v", i+1, n, due, want)
		}
	}
	h.wantN("ann", map[string]string{"ann": "4"})
	for h.loads() > 0 {
		h.must(h.do(h.ctx, (*batch).mergeLoads))
	}
	h.wantN("ann", map[string]string{"ann": "4"})
	commit("last", "ann", "bob", "cid")
	h.must(h.do(h.ctx, func(b *batch) error { b.s.loads.rest = 0; return nil }))
	if !merges() {
		t.Error("a load that no other one follows is not merged")
	}
	h.check()
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
			h.must(tx.BlocksUp(id, 0, func(b *storage.StoredBlock) (bool, error) {
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

// Fewer small blocks become a load if a commit gives them few ops each.
func TestCommitIsLoaded(t *testing.T) {
	h := newHarness(t)
	h.deploy(ownerRules)
	h.plan(items)
	h.snapshot(items)
	h.reopenWith(func(s *Store) { s.loads.batch, s.loads.commit, s.loads.rest, s.chores = 4, 3, time.Hour, nil })
	for _, tt := range []struct {
		owners, each int
		loads        int // afterwards
	}{{2, 1, 0}, {3, 3, 0}, {3, 2, 1}, {3, 1, 2}, {4, 3, 3}} {
		var changes []Change
		for i := range tt.owners * tt.each {
			changes = append(changes, ins(items, fmt.Sprint(tt, i), fmt.Sprint("u", i%tt.owners), "x", nil))
		}
		h.stream(changes...)
		if n := h.loads(); n != tt.loads {
			t.Errorf("after a commit of %d ops for each of %d buckets there are %d loads, want %d", tt.each, tt.owners, n, tt.loads)
		}
	}
}
