package buckets

import (
	"time"
)

// tally counts what a batch does. The figures of the store take it over once the batch is durable, so that what is counted per row is
// a plain addition in the writer's own memory.
type tally struct {
	relations map[*Relation]*TableStats
	last      *TableStats // of the relation counted last: rows of a table come in a row
	lastOf    *Relation
	commits   []commit
	applied   time.Time // when the batch was applied, before it was written
	ops       int64
	errors    int64
}

// commit is a source transaction on its way, or n of them that are told as one.
type commit struct {
	CommitTimes
	n int64
}

// CommitTimes says when a source transaction was where on its way to the clients.
type CommitTimes struct {
	Source     string
	End        Position
	Checkpoint OpID // that published it

	Committed time.Time // at the source, by its clock; zero: unknown
	Received  time.Time // whole, by this process; zero if nobody asked for it with Options.Trace
	Applied   time.Time
	Durable   time.Time
	Published time.Time
}

// table returns the counts of a relation.
func (t *tally) table(source string, rel *Relation) *TableStats {
	if rel == t.lastOf {
		return t.last
	}
	s := t.relations[rel]
	if s == nil {
		if t.relations == nil {
			t.relations = map[*Relation]*TableStats{}
		}
		s = &TableStats{Source: source, Table: rel.Schema + "." + rel.Name}
		t.relations[rel] = s
	}
	t.last, t.lastOf = s, rel
	return s
}

// change counts a row change of a transaction.
func (t *tally) change(tx *Transaction, c *Change) {
	s := t.table(tx.Source, c.Relation)
	switch c.Op {
	case Insert:
		s.Inserted++
	case Update:
		s.Updated++
	case Delete:
		s.Deleted++
	}
	s.of(tx)
}

func (t *tally) truncate(tx *Transaction, rel *Relation) {
	s := t.table(tx.Source, rel)
	s.Truncated++
	s.of(tx)
}

// committed counts a transaction that is applied to its end.
func (t *tally) committed(tx *Transaction) {
	t.commits = append(t.commits, commit{CommitTimes{Source: tx.Source, End: tx.End, Committed: tx.Time, Received: tx.received}, 1})
}
