package buckets

import (
	"time"

	"github.com/weirsync/weir/syncrules"
)

// Tuple is a row of column texts in the order of its Relation's columns: nil for NULL, Unchanged for a TOASTed value that the
// change did not touch.
type Tuple [][]byte

var unchanged = []byte("unchanged")

// Unchanged marks a value that an UPDATE left alone and that Postgres therefore did not send. It is recognised by identity.
func Unchanged() []byte { return unchanged }

// IsUnchanged reports whether b is the mark Unchanged.
func IsUnchanged(b []byte) bool { return len(b) == len(unchanged) && &b[0] == &unchanged[0] }

// Relation is a source table (a leaf, where it is partitioned) as one catalog state describes it. Immutable.
type Relation struct {
	OID          uint32
	Schema, Name string   // as rules know it: of the root, where it is a leaf
	Leaf         string   // the leaf's own qualified name, "" for what is no leaf
	Columns      []Column // as published, in attribute order
	Identity     byte     // replica identity: 'd', 'i', 'f', 'n'
	Varlena      bool     // some column can be TOASTed
	Published    string   // how the publication holds it, opaque: once it is another, changes may have been left out (I13)
}

// Column of a Relation.
type Column struct {
	Name    string
	Attnum  int16
	Type    *syncrules.Type
	Typmod  int32
	Key     bool // part of the row key: replica identity index, or the primary key under FULL
	Varlena bool // typlen = -1: its value can be unchanged TOAST
}

// Op is the kind of a Change.
type Op byte

// Kinds of change, by pgoutput's letters.
const (
	Insert   Op = 'I'
	Update   Op = 'U'
	Delete   Op = 'D'
	Truncate Op = 'T'
	Message  Op = 'M'
)

// Change is one change of a source transaction.
type Change struct {
	Op       Op
	Relation *Relation // of a row change
	Old      Tuple     // key columns (others nil), or the whole old row if OldFull; nil if Postgres sent none
	OldFull  bool
	New      Tuple

	Truncated []uint32 // relation oids of a Truncate
	Prefix    string   // of a Message
	Content   []byte   // of a Message
}

// Transaction is a committed source transaction in the order of its changes.
type Transaction struct {
	Source  string
	End     Position  // end of the commit record: the transaction's identity (I6)
	Time    time.Time // commit time at the source
	Changes []Change
	Parts   int // of it that were given to Stage before; Changes are what follows them
	Bytes   int // memory that the changes hold, about

	received time.Time // by Apply, if Options.Trace is there
}
