package storage

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestBlockOrder puts and deletes blocks of all sizes in neighbouring buckets: each bucket's come in the order of their ops, both ways, from any
// op on, whichever section they stand in.
func TestBlockOrder(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "w.db"), Counters{Op: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.NoSync()
	rapid.Check(t, func(t *rapid.T) {
		want := map[BucketID][]OpID{}
		update := func(fn func(tx *Tx) error) {
			if err := db.Update(fn); err != nil {
				t.Fatal(err)
			}
		}
		update(func(tx *Tx) error {
			for i := range rapid.IntRange(0, 60).Draw(t, "blocks") {
				id, last := BucketID(rapid.IntRange(1, 3).Draw(t, "bucket")), OpID(10*i)
				size := rapid.SampledFrom([]int{1, tailBlock - 1, tailBlock, 3 * tailBlock}).Draw(t, "size")
				if err := tx.PutBlock(id, last, make([]byte, size)); err != nil {
					return err
				}
				if rapid.IntRange(0, 4).Draw(t, "delete") == 0 {
					if err := tx.DeleteBlock(id, last); err != nil || tx.HasBlock(id, last) {
						t.Fatalf("delete block: %v", err)
					}
					continue
				}
				want[id] = append(want[id], last)
			}
			return nil
		})
		if err := db.View(func(tx *Tx) error {
			for id := BucketID(1); id <= 3; id++ {
				from := OpID(rapid.IntRange(0, 620).Draw(t, "from"))
				var up, down, all, some []OpID
				c := tx.blockCursor(id)
				for b := c.up(from); b != nil; b = c.next() {
					up = append(up, b.Last)
				}
				visit := func(list *[]OpID) func(*StoredBlock) (bool, error) {
					return func(b *StoredBlock) (bool, error) { *list = append(*list, b.Last); return true, nil }
				}
				if err := tx.BlocksDown(id, from, visit(&down)); err != nil {
					return err
				}
				if err := tx.BlocksUp(id, 0, visit(&all)); err != nil {
					return err
				}
				if err := tx.BlocksUp(id, from, visit(&some)); err != nil {
					return err
				}
				slices.Reverse(down)
				n, _ := slices.BinarySearch(want[id], from)
				m, _ := slices.BinarySearch(want[id], from+1)
				if !slices.Equal(all, want[id]) || !slices.Equal(up, want[id][n:]) || !slices.Equal(some, up) || !slices.Equal(down, want[id][:m]) {
					t.Fatalf("bucket %d, op %d: -want +got:\n%s", id, from, cmp.Diff([][]OpID{want[id], want[id][n:], want[id][:m]}, [][]OpID{all, up, down}))
				}
				if slices.ContainsFunc(want[id], func(last OpID) bool { return !tx.HasBlock(id, last) }) {
					t.Fatalf("bucket %d has not all blocks of %v", id, want[id])
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		update(func(tx *Tx) error {
			for id, list := range want {
				for _, last := range list {
					if err := tx.DeleteBlock(id, last); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
}
