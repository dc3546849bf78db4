package storage

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestLoads gives buckets blocks in loads and where they belong, in turns, and merges some of the loads: each bucket's ops come in order, in
// the same blocks or larger ones, and a merge to the end leaves no load and no two blocks that were neighbours in loads.
func TestLoads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db, err := Open(filepath.Join(tempDir(t), "w.db"), Counters{Op: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		db.NoSync()
		want, next := map[BucketID][]Op{}, OpID(1)
		block := func(id BucketID) (OpID, []byte) {
			var bl Block
			for range rapid.IntRange(1, 3).Draw(t, "ops") {
				op := Op{ID: next, Kind: OpPut, Checksum: uint32(next), Type: []byte("t"), ObjectID: []byte("o"), Subkey: []byte("s"), Data: []byte("{}")}
				next++
				bl.Add(&op)
				want[id] = append(want[id], op)
			}
			return bl.Last, bl.Encode()
		}
		for range rapid.IntRange(1, 12).Draw(t, "updates") {
			kind := rapid.SampledFrom([]string{"load", "load", "put", "merge"}).Draw(t, "kind")
			if err := db.Update(func(tx *Tx) error {
				load := next
				for id := BucketID(1); id <= 4; id++ {
					if kind == "merge" || rapid.IntRange(0, 2).Draw(t, "skip") == 0 {
						continue
					}
					last, encoded := block(id)
					put := tx.PutBlock
					if kind == "load" {
						put = func(id BucketID, last OpID, b []byte) error { return tx.PutLoad(load, id, last, b) }
					}
					if err := put(id, last, encoded); err != nil {
						return err
					}
				}
				if kind == "merge" {
					_, err := tx.MergeLoads(rapid.IntRange(1, 8).Draw(t, "limit"))
					return err
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			checkOps(t, db, want)
		}
		for more := true; more; {
			if err := db.Update(func(tx *Tx) (err error) { more, err = tx.MergeLoads(5); return err }); err != nil {
				t.Fatal(err)
			}
		}
		checkOps(t, db, want)
		if err := db.View(func(tx *Tx) error {
			if k, _ := tx.section(secLoads).Cursor().First(); k != nil || tx.Loads() != 0 {
				t.Fatalf("after merging %d loads are left, and key %x", tx.Loads(), k)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

func tempDir(t *rapid.T) string {
	dir, err := os.MkdirTemp("", "weir-loads-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// checkOps compares all ops of each bucket, and those behind each.
func checkOps(t *rapid.T, db *DB, want map[BucketID][]Op) {
	if err := db.View(func(tx *Tx) error {
		for id, ops := range want {
			for i := range ops {
				var got []OpID
				after := ops[i].ID - 1
				if _, err := tx.Ops(id, after, nil, func(op *Op) bool { got = append(got, op.ID); return true }); err != nil {
					return err
				}
				var ids []OpID
				for j := range ops[i:] {
					ids = append(ids, ops[i+j].ID)
				}
				if !slices.Equal(got, ids) {
					t.Fatalf("bucket %d, ops behind %d (-want +got):\n%s", id, after, cmp.Diff(ids, got))
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// Many small blocks of a bucket become one: that is what loads are merged for.
func TestMergedLoadsAreOneBlock(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "w.db"), Counters{Op: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i := OpID(1); i <= 20; i++ {
		var bl Block
		bl.Add(&Op{ID: i, Kind: OpPut, Type: []byte("t"), ObjectID: []byte("o"), Data: []byte("{}")})
		put := func(tx *Tx) error { return tx.PutLoad(i, 1, i, bl.Encode()) }
		if i == 10 { // a commit between them
			put = func(tx *Tx) error { return tx.PutBlock(1, i, bl.Encode()) }
		}
		if err := db.Update(put); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Update(func(tx *Tx) error { _, err := tx.MergeLoads(1); return err }); err != nil {
		t.Fatal(err)
	}
	var got []OpID
	if err := db.View(func(tx *Tx) error {
		return tx.BlocksUp(1, 0, func(b *StoredBlock) (bool, error) { got = append(got, b.Last); return true, nil })
	}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]OpID{9, 10, 20}, got); d != "" {
		t.Errorf("last ops of the blocks (-want +got):\n%s", d)
	}
}

// A damaged load number ends the list of loads: Open and Check come to an end.
func TestGreatestLoadNumber(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "w.db"), Counters{Op: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *Tx) error {
		var bl Block
		bl.Add(&Op{ID: 5, Kind: OpPut})
		if err := tx.PutLoad(5, 1, 5, bl.Encode()); err != nil {
			return err
		}
		return tx.PutLoad(math.MaxUint64, math.MaxUint64, math.MaxUint64, nil)
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.View(func(tx *Tx) error {
		if d := cmp.Diff([]OpID{5, math.MaxUint64}, tx.loadList()); d != "" {
			t.Errorf("loads (-want +got):\n%s", d)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
