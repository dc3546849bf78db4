package storage

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	other := filepath.Join(dir, "other.db")
	b, err := bolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = b.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("x")); return err })
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"a text file":            write("text", []byte(strings.Repeat("hello, world\n", 2000))),
		"a short file":           write("short", []byte("hello")),
		"a folder":               dir,
		"another program's file": other,
	} {
		before, _ := os.ReadFile(path)
		db, err := Open(path, Counters{})
		if err == nil {
			_ = db.Close()
		}
		var f *ForeignError
		if !errors.As(err, &f) {
			t.Errorf("open %s: got %v, want a ForeignError", name, err)
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("open %s changed it", name)
		}
	}
}

func TestOpenLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.db")
	db, err := Open(path, Counters{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := Open(path, Counters{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: got %v, want ErrLocked", err)
	}
}

// fill makes a small consistent store.
func fill(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weir.db")
	db, err := Open(path, Counters{Op: 100, Bucket: 1, Definition: 7, Table: 1, Version: 1, String: 1})
	if err != nil {
		t.Fatal(err)
	}
	digest := Digest{9, 9, 9, 9, 1}
	err = db.Update(func(tx *Tx) error {
		bucket := Bucket{Definition: 7, Name: "g[]"}
		var bl Block
		bl.Add(&Op{ID: 100, Kind: OpPut, Checksum: 0x09090909, Type: []byte("lists"), ObjectID: []byte("1"), Subkey: []byte("s"), Data: []byte("{}")})
		bucket.Add(&bl)
		row := Row{Generation: 1, Placements: []Placement{{1, 1, digest, []byte("1")}}, Params: []ParamRef{{7, []byte("l"), digest}}}
		return errors.Join(
			tx.PutDefinition(7, Definition{Name: "g"}),
			tx.PutVersion(1, Version{State: "active", Definitions: []DefinitionID{7}}),
			tx.PutTable(1, Table{Relation: []byte("{}"), Definitions: []DefinitionID{7}, Generation: 1}),
			tx.PutString(1, "lists"),
			tx.PutName(7, []byte("g[]"), 1), tx.PutBucket(1, &bucket), tx.PutBlock(1, 100, bl.Encode()),
			tx.PutRows(1, []RowPut{{RowKey(nil, 1, []byte("k")), AppendRow(nil, []byte("k"), &row)}}),
			tx.PutParam(&Param{Definition: 7, Lookup: []byte("l"), Row: 1, Digest: digest, ID: 101, Values: []byte("v")}),
			tx.PutCounters(Counters{Op: 102, Bucket: 2, Definition: 8, Table: 2, Version: 2, String: 2}),
			tx.PutCheckpoint(Checkpoint{Op: 101, Version: 1}),
		)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckAcceptsAConsistentStore(t *testing.T) {
	r, err := Check(fill(t))
	if err != nil || !r.OK() || r.Ops != 1 || r.Rows != 1 || r.Params != 1 || r.Buckets != 1 {
		t.Errorf("check: %v, report %+v", err, r)
	}
}

// TestCheckFinds damages one thing at a time.
func TestCheckFinds(t *testing.T) {
	digest := Digest{9, 9, 9, 9, 1}
	key := RowKey(nil, 1, []byte("k"))
	for _, c := range []struct {
		want   string
		damage func(tx *Tx) error
	}{
		{"its ops up to the checkpoint come to", func(tx *Tx) error {
			return tx.PutBucket(1, &Bucket{Definition: 7, Name: "g[]", Base: Tally{1, 1, 100}})
		}},
		{"block checksum does not match", func(tx *Tx) error {
			b := append([]byte(nil), tx.section(secTail).Get(opsKey(1, 100))...)
			b[3] ^= 1
			return tx.PutBlock(1, 100, b)
		}},
		{"its live objects are not the rows", func(tx *Tx) error { return tx.PutRows(1, []RowPut{{Key: key}}) }},
		{"row states and parameter rows differ", func(tx *Tx) error {
			return tx.PutParam(&Param{Definition: 7, Lookup: []byte("l"), Row: 1, Digest: digest, ID: 101, Gone: true})
		}},
		{"leads to the wrong bucket", func(tx *Tx) error { return tx.PutName(7, []byte("h[]"), 1) }},
		{"is not below the next op id", func(tx *Tx) error { return tx.PutCounters(Counters{Op: 50, Version: 9}) }},
		{"bad record", func(tx *Tx) error {
			record := appendUvarint(appendUvarint(appendU32(appendU32(appendU32(nil, 1), 2+runsMax), 0), 0), 1)
			return tx.section(secRuns).Put(runPrefix(1, 0), appendBytes(record, nil))
		}},
		{"bad row state", func(tx *Tx) error { return tx.PutRows(1, []RowPut{{key, []byte{0xff}}}) }},
		{"its mark does not fit", func(tx *Tx) error { return tx.PutMark(key, &Mark{}) }},
		{"belong to a row", func(tx *Tx) error { return tx.PutImages([]byte("\x00\x00\x00\x01zzz"), AppendImages(nil, nil)) }},
		{"version 1 is of definition 55, which does not exist", func(tx *Tx) error {
			return tx.PutVersion(1, Version{State: VersionActive, Definitions: []DefinitionID{55}})
		}},
		{"version 1 has definition 7, which is being removed", func(tx *Tx) error {
			return tx.PutDefinition(7, Definition{Name: "g", Dead: true})
		}},
		{"definition 7 belongs to no live version", func(tx *Tx) error {
			return tx.PutVersion(1, Version{State: VersionRemoved, Definitions: []DefinitionID{7}})
		}},
		{"bucket 1 is of definition 7, which does not exist", func(tx *Tx) error { return tx.DropDefinition(7) }},
		{"garbage", func(tx *Tx) error {
			return tx.PutParam(&Param{Definition: 55, Lookup: []byte("l"), Row: 1, Digest: digest, ID: 101, Gone: true})
		}},
		{"op block", func(tx *Tx) error { return tx.PutBlock(77, 100, (&Block{}).Encode()) }},
	} {
		path := fill(t)
		db, err := Open(path, Counters{})
		if err == nil {
			err = errors.Join(db.Update(c.damage), db.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := Check(path)
		if err != nil || !strings.Contains(strings.Join(r.Faults, "\n"), c.want) {
			t.Errorf("check: %v, faults %q; want one with %q", err, r.Faults, c.want)
		}
	}
}

func TestCheckOfAMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.db")
	if _, err := Check(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("check made the file that it should have read")
	}
}

func TestParamsAsOfACheckpoint(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "weir.db"), Counters{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	p := func(id OpID, row uint64, v string, gone bool) *Param {
		return &Param{Definition: 1, Lookup: []byte("l"), Row: row, Digest: Digest{v[0]}, ID: id, Values: []byte(v), Gone: gone}
	}
	err = db.Update(func(tx *Tx) error {
		return errors.Join(
			tx.PutParam(p(10, 1, "a", false)), tx.PutParam(p(20, 1, "a", true)), tx.PutParam(p(21, 1, "b", false)), tx.PutParam(p(30, 2, "c", false)),
			tx.PutParam(&Param{Definition: 1, Lookup: []byte("l2"), Digest: Digest{1}, ID: 5, Values: []byte("other")}))
	})
	if err != nil {
		t.Fatal(err)
	}
	at := func(c OpID) (got string) {
		if err := db.View(func(tx *Tx) error {
			return tx.Params(1, []byte("l"), c, func(v []byte) error { got += string(v); return nil })
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	check := func() {
		t.Helper()
		for c, want := range map[OpID]string{20: "", 21: "b", 30: "bc", 99: "bc"} {
			if got := at(c); got != want {
				t.Errorf("at %d: got %q, want %q", c, got, want)
			}
		}
	}
	check()
	if got := at(15); got != "a" {
		t.Errorf("at 15: got %q, want a", got)
	}
	if err := db.Update(func(tx *Tx) error { return tx.CollectGarbage(20, 10) }); err != nil {
		t.Fatal(err)
	}
	check()
	if err := db.View(func(tx *Tx) error {
		if n := keys(tx.section(secParams)); n != 3 {
			t.Errorf("%d entries after garbage collection, want 3", n)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
