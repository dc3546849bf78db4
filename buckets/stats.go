package buckets

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/weirsync/weir/storage"
)

// Stats is what an operator watches of a store. Counts are of this process.
type Stats struct {
	Sources []SourceStats // by name
	Tables  []TableStats  // by source and name; those that have had changes or chunks
	Queue   QueueStats
	Space   storage.Space

	Batches     int64         // bbolt updates
	Busy        time.Duration // of the writer, in them
	Ops         int64         // made
	Checkpoints int64         // published
	Published   time.Time     // the last one; zero: none yet
	Held        bool          // the gate is closed: commits are stored and not published (I9)
	RowErrors   int64         // rules could not be evaluated for a row
	Compaction  CompactStats
}

// SourceStats counts the transactions of a source.
type SourceStats struct {
	Source       string
	Transactions int64
	Durable      LatencyCounts // from the commit at the source until it is durable
	Published    LatencyCounts // until it is in a checkpoint
}

// TableStats counts what a source table brought.
type TableStats struct {
	Source, Table                         string // Table with its schema
	Inserted, Updated, Deleted, Truncated int64  // changes of the stream
	Snapshot                              int64  // rows that chunks brought
	Transactions                          int64  // that changed it

	first, last Position // of the transactions counted
}

// QueueStats is what waits for the writer, in bytes.
type QueueStats struct{ Stream, Chunks, Limit int64 }

// of counts the transaction, once for all its changes.
func (t *TableStats) of(tx *Transaction) {
	if t.last == tx.End {
		return
	}
	if t.last = tx.End; t.first == 0 {
		t.first = tx.End
	}
	t.Transactions++
}

// add takes over what a batch counted. A big transaction is applied in several batches, and counts once.
func (t *TableStats) add(b *TableStats) {
	t.Inserted += b.Inserted
	t.Updated += b.Updated
	t.Deleted += b.Deleted
	t.Truncated += b.Truncated
	t.Snapshot += b.Snapshot
	t.Transactions += b.Transactions
	if b.first != 0 && b.first == t.last {
		t.Transactions--
	}
	t.last = max(t.last, b.last)
}

// figures are the running counts of a store.
type figures struct {
	latencies map[string]*latencies // by source; the map never changes
	held      []commit              // durable and not published; the writer's own
	shut      bool                  // the gate, as of the last batch; the writer's own

	mu    sync.Mutex
	stats Stats // without what is read when somebody asks
	table map[tableName]*TableStats
	count map[string]int64 // transactions by source
}

type latencies struct{ durable, published Latency }

type tableName struct{ source, name string }

func newFigures(sources []string) *figures {
	f := &figures{latencies: map[string]*latencies{}, table: map[tableName]*TableStats{}, count: map[string]int64{}}
	for _, name := range sources {
		f.latencies[name] = &latencies{}
	}
	return f
}

// heldMax is how many commits are remembered one by one while the gate is closed. Those beyond it that were made within heldStep count as
// one that happened several times, so that a day of them is little memory (I14).
const (
	heldMax  = 1024
	heldStep = 10 * time.Second
)

// take takes over what a durable batch counted. trace, unless it is nil, is told of every commit that is published.
func (f *figures) take(b *batch, began time.Time, trace func(CommitTimes)) {
	now := time.Now()
	for i := range b.tally.commits {
		c := &b.tally.commits[i]
		c.Applied, c.Durable = b.tally.applied, now
		if l := f.latencies[c.Source]; l != nil && !c.Committed.IsZero() {
			l.durable.Observe(now.Sub(c.Committed), 1)
		}
		f.hold(*c)
	}
	if b.news.published {
		f.publish(b.news.op, trace)
	}
	f.merge(b, now, now.Sub(began))
}

func (f *figures) hold(c commit) {
	if n := len(f.held); n >= heldMax && f.held[n-1].Source == c.Source && c.Committed.Sub(f.held[n-1].Committed) < heldStep {
		f.held[n-1].n++
		return
	}
	f.held = append(f.held, c)
}

func (f *figures) publish(op OpID, trace func(CommitTimes)) {
	now := time.Now()
	for i := range f.held {
		c := &f.held[i]
		c.Published, c.Checkpoint = now, op
		if l := f.latencies[c.Source]; l != nil && !c.Committed.IsZero() {
			l.published.Observe(now.Sub(c.Committed), c.n)
		}
		if trace != nil && c.n == 1 {
			trace(c.CommitTimes)
		}
	}
	if f.held = f.held[:0]; cap(f.held) > heldMax {
		f.held = nil
	}
}

// oldest is when the first commit was made that is not published, zero if there is none.
func (f *figures) oldest(b *batch) (at time.Time) {
	for _, list := range [][]commit{f.held, b.tally.commits} {
		if len(list) > 0 && at.IsZero() {
			at = list[0].Committed
		}
	}
	return at
}

func (f *figures) merge(b *batch, now time.Time, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Batches++
	f.stats.Busy += took
	f.stats.Ops += b.tally.ops
	f.stats.RowErrors += b.tally.errors
	f.stats.Held = b.held
	if b.news.published {
		f.stats.Checkpoints++
		f.stats.Published = now
	}
	for i := range b.tally.commits {
		f.count[b.tally.commits[i].Source]++
	}
	for _, t := range b.tally.relations {
		name := tableName{t.Source, t.Table}
		if f.table[name] == nil {
			f.table[name] = &TableStats{Source: t.Source, Table: t.Table}
		}
		f.table[name].add(t)
	}
}

// Stats returns the figures of the store. It reads no more of the file than its size.
func (s *Store) Stats() (Stats, error) {
	f := s.figures
	f.mu.Lock()
	out := f.stats
	for _, t := range f.table {
		out.Tables = append(out.Tables, *t)
	}
	for _, name := range slices.Sorted(maps.Keys(f.latencies)) {
		l := f.latencies[name]
		out.Sources = append(out.Sources, SourceStats{
			Source: name, Transactions: f.count[name], Durable: l.durable.Counts(), Published: l.published.Counts(),
		})
	}
	f.mu.Unlock()
	slices.SortFunc(out.Tables, func(a, b TableStats) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Table, b.Table))
	})
	out.Queue, out.Compaction = s.queue.stats(), s.CompactStats()
	var err error
	if out.Space, err = s.db.Space(); err != nil {
		return Stats{}, fmt.Errorf("read size of the store: %w", err)
	}
	return out, nil
}

func (q *queue) stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return QueueStats{Stream: int64(q.bytes[0]), Chunks: int64(q.bytes[1]), Limit: int64(q.limit)}
}
