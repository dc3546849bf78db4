package replicator

import (
	"slices"
	"sync"

	"github.com/weirsync/weir/buckets"
)

// TableProgress is how far the snapshot of a tracked table is.
type TableProgress struct {
	Table        buckets.TableID
	Schema, Name string // of the relation itself: of a leaf, where it is partitioned
	Phase        buckets.Phase
	Generation   buckets.Generation
	Rows         int64 // stored by this generation's chunks
	Estimated    int64 // rows of the table, from its last ANALYZE; 0 if unknown
	Partials     int
	Waiting      string // what it waits for, "" for nothing
}

// tasks is what the store does not know about tables.
type tasks struct {
	mu    sync.Mutex
	known map[buckets.TableID]*TableProgress
}

func (t *tasks) entry(id buckets.TableID) *TableProgress {
	if t.known == nil {
		t.known = map[buckets.TableID]*TableProgress{}
	}
	if t.known[id] == nil {
		t.known[id] = &TableProgress{Table: id}
	}
	return t.known[id]
}

func (t *tasks) estimate(tables []buckets.Table, u *unit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range tables {
		e := t.entry(tables[i].ID)
		e.Schema, e.Name, e.Estimated = u.schema, u.name, u.estimate
	}
}

func (t *tasks) waiting(id buckets.TableID, what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entry(id).Waiting = what
}

// Progress lists the tracked tables of the source.
func (s *Source) Progress() []TableProgress {
	tables := s.store.Tables(s.cfg.Name)
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	out := make([]TableProgress, 0, len(tables))
	for i := range tables {
		t := &tables[i]
		p := *s.tasks.entry(t.ID)
		if p.Name == "" {
			p.Schema, p.Name = t.Relation.Schema, t.Relation.Name
		}
		p.Phase, p.Generation, p.Rows, p.Partials = t.Phase, t.Generation, t.Rows, t.Partials
		out = append(out, p)
	}
	return slices.Clip(out)
}
