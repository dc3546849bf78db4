package buckets

import (
	"context"
	"time"
)

const (
	// choreKeys is how many keys one step of a chore looks at: some ten milliseconds of work.
	choreKeys = 5000

	// choreRest is how many times as long as a step took other work goes first, while there is some.
	choreRest = 4
)

// chore is work that the writer does in the background: what it does is needed some time, and is too much for one update. The state of
// the file says what is left of it, so that a crash costs nothing but the way back there.
type chore struct {
	due  func() bool        // cheap: asked after every batch. The writer's memory holds the answer
	step func(*batch) error // one bounded step, alone in its update: the overlay is empty, the file can be changed under it
}

// choresOf lists the chores of a store, the most urgent first.
func (s *Store) choresOf() []chore {
	return []chore{
		{due: func() bool { return s.catalog.crowded(s.runs) }, step: (*batch).merge},     // each step of others can make a run more
		{due: func() bool { return s.catalog.sweeping() != nil }, step: (*batch).sweep},   // the gate may wait for it
		{due: func() bool { return s.catalog.copying() != nil }, step: (*batch).copyStep}, // a deploy waits for it
		{due: func() bool { return s.expired() != nil }, step: (*batch).expire},
		{due: func() bool { return s.catalog.dying() != nil }, step: (*batch).reclaim},
		{due: func() bool { return s.catalog.loaded(s.loads) }, step: (*batch).mergeLoads},
		{due: func() bool { return s.catalog.merging(s.runs) != nil }, step: (*batch).merge},
	}
}

// pace remembers the last step of a chore.
type pace struct {
	ended time.Time
	took  time.Duration
}

// chore does one step of the first chore that is due. Steps follow each other while nothing waits, else they rest in between, so that commits
// are not stalled: a change waits for one step at most.
func (s *Store) chore(ctx context.Context, kept map[string]Position) error {
	for i := range s.chores {
		c := &s.chores[i]
		if !c.due() {
			continue
		}
		start := time.Now()
		if !s.queue.empty() && start.Sub(s.pace.ended) < choreRest*s.pace.took {
			return nil
		}
		if err := s.commit(ctx, []*job{{kind: jobChore, control: c.step}}, kept); err != nil {
			return err
		}
		s.pace.ended = time.Now()
		s.pace.took = s.pace.ended.Sub(start)
		s.queue.wake() // to look again
		return nil
	}
	return nil
}
