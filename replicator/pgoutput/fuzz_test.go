package pgoutput

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"
)

// FuzzParse: no input panics, allocates beyond its size, or is read differently from pglogrepl.
func FuzzParse(f *testing.F) {
	for _, data := range samples() {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ours, err := parse(data)
		if err != nil {
			return
		}
		// What passes our checks is well-formed, so pglogrepl, which has none for tuples, can be asked too. It refuses
		// tuples without columns, which are what a table without columns has.
		theirs, err := pglogrepl.Parse(data)
		if err != nil {
			return
		}
		if r, ok := ours.(*Relation); ok && r.Namespace == "pg_catalog" {
			return
		}
		if diff := cmp.Diff(translate(theirs), ours, sameTime()); diff != "" {
			t.Fatalf("% x (-pglogrepl +ours):\n%s", data, diff)
		}
	})
}

// sameTime lets times pass that are too far away for pglogrepl, which counts nanoseconds.
func sameTime() cmp.Option {
	return cmp.Comparer(func(a, b time.Time) bool {
		return a.Equal(b) || max(a.Year(), b.Year()) > 2200 || min(a.Year(), b.Year()) < 1800
	})
}
