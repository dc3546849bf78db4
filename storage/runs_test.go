package storage

import (
	"bytes"
	stdcmp "cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// runWorld is a store with a table, and what the table should have: a number for each key, kept as the generation.
type runWorld struct {
	t    *rapid.T
	path string
	db   *DB
	want map[string]Generation
	n    Generation
}

const runTable TableID = 7

func (w *runWorld) open() {
	db, err := Open(w.path, Counters{Op: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	db.NoSync()
	db.SetRunRows(10)
	w.db = db
}

func (w *runWorld) update(fn func(tx *Tx) error) {
	if err := w.db.Update(fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *runWorld) key(label string) []byte {
	return runKey(rapid.IntRange(0, 60).Draw(w.t, label))
}

// runKey is the key of row i; every other one is long, so that a run has several blocks.
func runKey(i int) []byte {
	return RowKey(nil, runTable, AppendSingleKey(nil, fmt.Appendf(nil, "%d%s", i, strings.Repeat("x", i%2*1500))))
}

// state makes a new state of a row.
func (w *runWorld) state(key []byte) []byte {
	w.n++
	w.want[string(key[4:])] = w.n
	return AppendRow(nil, key[4:], &Row{Generation: w.n})
}

// check compares what transactions of both kinds read with what the table should have.
func (w *runWorld) check() {
	w.t.Helper()
	from := w.key("from")[4:]
	wantFrom := maps.Clone(w.want)
	maps.DeleteFunc(wantFrom, func(k string, _ Generation) bool { return k < string(from) })
	read := func(tx *Tx) error {
		got, order := map[string]Generation{}, []string(nil)
		err := tx.Rows(runTable, from, func(key []byte, r Row) (bool, error) {
			got[string(key)] = r.Generation
			order = append(order, string(key))
			return true, nil
		})
		if diff := cmp.Diff(wantFrom, got); diff != "" || !slices.IsSorted(order) || err != nil {
			w.t.Fatalf("rows from %q on: %v, sorted %v, -want +got:\n%s", from, err, slices.IsSorted(order), diff)
		}
		for i := range 61 {
			key := runKey(i)
			r, ok, err := tx.Row(key)
			if n, want := w.want[string(key[4:])]; ok != want || ok && r.Generation != n || err != nil {
				w.t.Fatalf("row %d is %+v, %v, %v, want %d, %v", i, r, ok, err, n, want)
			}
		}
		return nil
	}
	w.update(read)
	if err := w.db.View(read); err != nil {
		w.t.Fatal(err)
	}
}

// TestRuns plays random histories of batches and single rows, changed and deleted, merges in steps and restarts: what is read is always the newest state, in
// key order, wherever it stands.
func TestRuns(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		w := &runWorld{t: t, path: filepath.Join(dir, fmt.Sprintf("%d.db", n)), want: map[string]Generation{}}
		w.open()
		w.update(func(tx *Tx) error { return tx.PutTable(runTable, Table{Source: "default", Generation: 1}) })
		t.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) { w.check() },
			"put": func(t *rapid.T) {
				rows := w.puts()
				w.update(func(tx *Tx) error { return tx.PutRows(runTable, rows) })
			},
			"merge": func(t *rapid.T) {
				w.update(func(tx *Tx) error {
					_, err := tx.MergeRuns(runTable, rapid.IntRange(1, 30).Draw(t, "limit"))
					return err
				})
			},
			"fail": func(t *rapid.T) { // after a merge to the end, so that the filters of what is merged are let go
				want, n, failed := maps.Clone(w.want), w.n, errors.New("a later step failed")
				rows := w.puts()
				if err := w.db.Update(func(tx *Tx) error {
					_, err := tx.MergeRuns(runTable, 1000)
					return stdcmp.Or(err, tx.PutRows(runTable, rows), failed)
				}); !errors.Is(err, failed) {
					t.Fatalf("update: %v, want %v", err, failed)
				}
				w.want, w.n = want, n
				w.update(func(tx *Tx) error {
					if got, there := tx.countRecent(runTable), count(tx.section(secRecent), runTable); got != there {
						t.Fatalf("%d recent rows, counted %d", there, got)
					}
					return nil
				})
			},
			"reopen": func(t *rapid.T) {
				if err := w.db.Close(); err != nil {
					t.Fatal(err)
				}
				report, err := Check(w.path)
				if err != nil || !report.OK() || report.Rows != int64(len(w.want)) {
					t.Fatalf("check: %v, %+v, want %d rows", err, report, len(w.want))
				}
				w.open()
			},
			"drop": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "drop") > 0 {
					return
				}
				clear(w.want)
				for more := true; more; {
					w.update(func(tx *Tx) (err error) {
						more, err = tx.DropRows(runTable, rapid.IntRange(1, 30).Draw(t, "limit"))
						return err
					})
				}
			},
		})
		for more := true; more; {
			w.update(func(tx *Tx) (err error) { more, err = tx.MergeRuns(runTable, 10); return err })
		}
		w.check()
		w.update(func(tx *Tx) error {
			if n := keys(tx.section(secRuns)); n > 1 || len(w.db.filters) != 0 { // the record is left
				t.Fatalf("%d keys of runs and %d filters are left after merging", n, len(w.db.filters))
			}
			return nil
		})
		if err := w.db.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// The newest of many runs tells a row's state: they have several filters.
func TestNewestRunCounts(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "w.db"), Counters{Op: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetRunRows(1)
	key := runKey(0)
	for n := range Generation(2*filterRuns + 1) {
		if err := db.Update(func(tx *Tx) error {
			return tx.PutRows(runTable, []RowPut{{key, AppendRow(nil, key[4:], &Row{Generation: n + 1})}})
		}); err != nil {
			t.Fatal(err)
		}
		if err := db.Update(func(tx *Tx) error {
			if r, ok, err := tx.Row(key); r.Generation != n+1 {
				t.Errorf("after %d runs the row is %+v, %v, %v", n+1, r, ok, err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(db.filters[runTable]); n < 2 {
		t.Errorf("%d filters, want several", n)
	}
}

// puts makes new states of random rows, and removes some: few, or so many that they become a run.
func (w *runWorld) puts() (rows []RowPut) {
	for range rapid.IntRange(1, 2*w.db.runRows).Draw(w.t, "rows") {
		k := w.key("row")
		if slices.ContainsFunc(rows, func(r RowPut) bool { return bytes.Equal(r.Key, k) }) {
			continue
		}
		if rapid.IntRange(0, 3).Draw(w.t, "gone") == 0 {
			delete(w.want, string(k[4:]))
			rows = append(rows, RowPut{Key: k})
			continue
		}
		rows = append(rows, RowPut{k, w.state(k)})
	}
	slices.SortFunc(rows, func(x, y RowPut) int { return bytes.Compare(x.Key, y.Key) })
	return rows
}

// FuzzRunBlock: a block of a run is read to its key, or refused.
func FuzzRunBlock(f *testing.F) {
	f.Add(appendBytes(appendBytes(appendBytes(appendBytes(nil, []byte("a")), []byte("state")), []byte("b")), nil))
	f.Add(appendBytes(nil, []byte("b")))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &rowCursor{prefix: runPrefix(runTable, 1), run: true}
		err := c.take(append(runPrefix(runTable, 1), 'b'), b)
		for err == nil && !c.blockEnds() {
			err = c.decode()
		}
		if err == nil && string(c.key) != "b" || err != nil && !IsCorruption(err) {
			t.Errorf("the block ends at %q: %v", c.key, err)
		}
	})
}
