package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func openTest(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(path, Counters{Op: 1})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// contents reads one section.
func contents(t *testing.T, db *DB, name string) map[string]string {
	t.Helper()
	out := map[string]string{}
	if err := db.View(func(tx *Tx) error {
		return tx.section(name).ForEach(func(k, v []byte) error { out[string(k)] = string(v); return nil })
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// While the file is copied again and again, a writer changes it at random and readers read it: nothing is lost, nothing comes back.
func TestCompactFileWhileItIsWritten(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	path := filepath.Join(t.TempDir(), "weir.db")
	db := openTest(t, path)
	db.NoSync()
	want := map[string]map[string]string{secRows: {}, secOps: {}}
	r := rand.New(rand.NewSource(seed))
	write := func() error {
		return db.Update(func(tx *Tx) error {
			for range 50 {
				name, k := []string{secRows, secOps}[r.Intn(2)], fmt.Sprintf("%08d", r.Intn(20000))
				if r.Intn(3) == 0 {
					delete(want[name], k)
					if err := tx.section(name).Delete([]byte(k)); err != nil {
						return err
					}
					continue
				}
				v := fmt.Sprintf("%d%0*d", r.Int(), r.Intn(300), 0)
				want[name][k] = v
				if err := tx.section(name).Put([]byte(k), []byte(v)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for range 400 {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	background := func(fn func() error) {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := fn(); err != nil {
					t.Errorf("beside the copy: %v", err)
					return
				}
			}
		})
	}
	background(write)
	background(func() error {
		return db.View(func(tx *Tx) error {
			return tx.section(secOps).ForEach(func(_, _ []byte) error { return nil })
		})
	})
	for range 5 {
		stats, err := db.CompactFile(context.Background())
		if err != nil {
			t.Error(err)
		}
		t.Logf("%+v", stats)
	}
	close(stop)
	wg.Wait()
	for _, reopened := range []bool{false, true} {
		for name, rows := range want {
			if d := cmp.Diff(rows, contents(t, db, name)); d != "" {
				t.Fatalf("section %s, reopened %t (-want +got):\n%s", name, reopened, d)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = openTest(t, path)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// Space that is not in use goes back to the disk.
func TestCompactFileShrinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.db")
	db := openTest(t, path)
	defer func() { _ = db.Close() }()
	key := func(i int) []byte { return appendU64(nil, uint64(i)) }
	const rows, kept = 20000, 100
	if err := errors.Join(
		db.Update(func(tx *Tx) error {
			for i := range rows {
				if err := tx.section(secRows).Put(key(i), make([]byte, 1000)); err != nil {
					return err
				}
			}
			return nil
		}),
		db.Update(func(tx *Tx) error {
			for i := kept; i < rows; i++ {
				if err := tx.section(secRows).Delete(key(i)); err != nil {
					return err
				}
			}
			return nil
		}),
	); err != nil {
		t.Fatal(err)
	}
	stats, err := db.CompactFile(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if stats.Before < rows*1000 || stats.After > 2<<20 {
		t.Errorf("the file went from %d to %d bytes", stats.Before, stats.After)
	}
	if got := len(contents(t, db, secRows)); got != kept {
		t.Errorf("%d rows are there, want %d", got, kept)
	}
}

// A copy that is given up, or whose process died, leaves the file as it was and nothing beside it.
func TestCompactFileGivenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.db")
	db := openTest(t, path)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := db.CompactFile(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if _, err := os.Stat(path + copySuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy is left: %v", err)
	}
	if err := db.Update(func(tx *Tx) error { return tx.PutString(1, "a") }); err != nil {
		t.Errorf("write afterwards: %v", err)
	}
	if err := errors.Join(db.Close(), os.WriteFile(path+copySuffix, []byte("half of a copy"), 0o600)); err != nil {
		t.Fatal(err)
	}
	db = openTest(t, path)
	defer func() { _ = db.Close() }()
	if _, err := os.Stat(path + copySuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy of a dead process is left: %v", err)
	}
	if got := contents(t, db, secStrings); len(got) != 1 {
		t.Errorf("the store has %v", got)
	}
}
