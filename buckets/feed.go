package buckets

import (
	"context"
	"slices"
	"sync"
	"time"
)

// newsMax is how many changed buckets or lookups are told one by one; beyond it everybody looks.
const newsMax = 10000

// news is what changed since the checkpoint before: what subscriptions are woken for. While the gate is closed it piles up, bounded.
type news struct {
	published bool
	op        OpID // of the checkpoint
	all       bool
	buckets   map[string]struct{} // full names
	lookups   map[string]struct{}
	keys      []string  // write checkpoints that were reached
	committed time.Time // of the oldest commit in the checkpoint that is new; zero: none
	fresh     freshSet  // of buckets
}

// many says that so many buckets changed, before they are told.
func (n *news) many(buckets int) { n.all = n.all || buckets > newsMax }

func (n *news) bucket(name string) { n.note(&n.buckets, name) }
func (n *news) lookup(key string)  { n.note(&n.lookups, key) }

func (n *news) note(set *map[string]struct{}, name string) {
	if n.all {
		return
	}
	if *set == nil {
		*set = map[string]struct{}{}
	}
	if (*set)[name] = struct{}{}; len(*set) > newsMax {
		n.all, n.buckets, n.lookups = true, nil, nil
	}
}

// feed wakes the subscriptions that a checkpoint concerns: its cost grows with those, not with all that are there.
type feed struct {
	mu       sync.RWMutex
	op       OpID     // of the newest checkpoint that was told
	fresh    freshSet // as of op
	all      map[*Subscription]struct{}
	byBucket index
	byLookup index
	byKey    index
	held     news // of batches that published nothing
}

// index finds the subscriptions that watch a name.
type index map[string]map[*Subscription]struct{}

func newFeed() *feed {
	return &feed{all: map[*Subscription]struct{}{}, byBucket: index{}, byLookup: index{}, byKey: index{}}
}

func (x index) add(name string, sub *Subscription) {
	if name == "" {
		return
	}
	if x[name] == nil {
		x[name] = map[*Subscription]struct{}{}
	}
	x[name][sub] = struct{}{}
}

func (x index) remove(name string, sub *Subscription) {
	if name == "" {
		return
	}
	if delete(x[name], sub); len(x[name]) == 0 {
		delete(x, name)
	}
}

// publish never blocks.
func (f *feed) publish(n news) {
	f.mu.Lock()
	defer f.mu.Unlock()
	held := &f.held
	held.all = held.all || n.all
	for name := range n.buckets {
		held.bucket(name)
	}
	for key := range n.lookups {
		held.lookup(key)
	}
	if !n.published {
		return
	}
	due := f.held
	due.keys, due.committed, due.fresh = n.keys, n.committed, n.fresh
	f.held, f.op = news{}, n.op
	f.fresh.renew(&due)
	f.wake(&due)
}

func (f *feed) wake(n *news) {
	if n.all {
		for sub := range f.all {
			sub.note(n, func(w *pending) { w.all = true })
		}
	}
	for name := range n.buckets {
		for sub := range f.byBucket[name] {
			sub.note(n, func(w *pending) { w.bucket(name) })
		}
	}
	for key := range n.lookups {
		for sub := range f.byLookup[key] {
			sub.note(n, func(w *pending) { w.lookups = true })
		}
	}
	for _, key := range n.keys {
		for sub := range f.byKey[key] {
			sub.note(n, func(w *pending) { w.write = true })
		}
	}
}

// Subscription wakes one session when a checkpoint concerns it. Close it.
type Subscription struct {
	feed    *feed
	buckets map[string]struct{}
	lookups map[string]struct{}
	key     string

	mu      sync.Mutex
	pending pending
	ready   chan struct{} // capacity 1
}

// pending is what a subscription has not been told yet.
type pending struct {
	all, lookups, write bool
	buckets             map[string]struct{}
	committed           time.Time
}

func (p *pending) bucket(name string) {
	if p.buckets == nil {
		p.buckets = map[string]struct{}{}
	}
	p.buckets[name] = struct{}{}
}

// Wake says why a subscription was woken.
type Wake struct {
	Checkpoint OpID      // up to which everything has been told
	All        bool      // anything may have changed (new version, many buckets at once)
	Lookups    bool      // a watched lookup changed: resolve again
	Write      bool      // the watched write checkpoint was reached
	Buckets    []string  // watched buckets that have new operations
	Fresh      []*Fresh  // of each of Buckets, in their order; nil if it is not known of all, or too much
	Committed  time.Time // at the source, of the oldest commit that is told; zero: unknown
}

// Add makes w tell what next tells too.
func (w *Wake) Add(next Wake) {
	w.Checkpoint = max(w.Checkpoint, next.Checkpoint)
	switch {
	case len(next.Buckets) == 0: // what is fresh is so yet
	case len(w.Buckets) == 0:
		w.Fresh = next.Fresh
	default:
		w.Fresh = nil
	}
	w.Committed = earlier(w.Committed, next.Committed)
	w.All, w.Lookups, w.Write = w.All || next.All, w.Lookups || next.Lookups, w.Write || next.Write
	for _, name := range next.Buckets {
		if !slices.Contains(w.Buckets, name) {
			w.Buckets = append(w.Buckets, name)
		}
	}
}

// earlier returns the earlier of two times, of which a zero one is unknown.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Subscribe makes a subscription that watches nothing but versions.
func (s *Store) Subscribe() *Subscription {
	sub := &Subscription{feed: s.feed, ready: make(chan struct{}, 1)}
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	s.feed.all[sub] = struct{}{}
	return sub
}

func (sub *Subscription) note(n *news, fn func(*pending)) {
	sub.mu.Lock()
	fn(&sub.pending)
	sub.pending.committed = earlier(sub.pending.committed, n.committed)
	sub.mu.Unlock()
	select {
	case sub.ready <- struct{}{}:
	default:
	}
}

// Watch replaces what the subscription waits for: full bucket names, lookups (Resolution.Lookups) and a write checkpoint key ("" for
// none). If any bucket or lookup of them is new to it, it returns the checkpoint that was told last, else 0: if that is above
// the View from which they were taken, something may have been missed, and the caller looks again.
func (sub *Subscription) Watch(buckets, lookups []string, key string) OpID {
	f := sub.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if key != sub.key {
		f.byKey.remove(sub.key, sub)
		f.byKey.add(key, sub)
		sub.key = key
	}
	newBuckets := f.byBucket.replace(sub, &sub.buckets, buckets)
	newLookups := f.byLookup.replace(sub, &sub.lookups, lookups)
	if newBuckets || newLookups {
		return f.op
	}
	return 0
}

// Shared reports whether other subscriptions watch the bucket too.
func (sub *Subscription) Shared(bucket string) bool {
	sub.feed.mu.RLock()
	defer sub.feed.mu.RUnlock()
	return len(sub.feed.byBucket[bucket]) > 1
}

// watched reports whether anybody watches the bucket.
func (f *feed) watched(bucket string) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return len(f.byBucket[bucket]) > 0
}

// replace makes sub watch names instead of those in set, and tells whether any of them is new.
func (x index) replace(sub *Subscription, set *map[string]struct{}, names []string) (added bool) {
	old, next := *set, make(map[string]struct{}, len(names))
	for _, name := range names {
		if next[name] = struct{}{}; !has(old, name) {
			x.add(name, sub)
			added = true
		}
	}
	for name := range old {
		if !has(next, name) {
			x.remove(name, sub)
		}
	}
	*set = next
	return added
}

func has(set map[string]struct{}, name string) bool {
	_, ok := set[name]
	return ok
}

// Wait returns at the next published checkpoint that concerns the subscription since the last Wait, or when ctx ends: with a
// ctx that has ended it only asks. Several checkpoints are folded into one Wake; nothing is queued per checkpoint.
func (sub *Subscription) Wait(ctx context.Context) (Wake, error) {
	select {
	case <-sub.ready:
		return sub.Take(), nil
	default:
	}
	select {
	case <-sub.ready:
		return sub.Take(), nil
	case <-ctx.Done():
		return Wake{}, ctx.Err()
	}
}

// Take returns what there is to tell without waiting. A View that is opened afterwards is at the wake's checkpoint or at a later one, of
// which the subscription has not been told yet: a commit is in the file a moment before its news are out.
func (sub *Subscription) Take() Wake {
	sub.feed.mu.RLock() // pending goes with op
	defer sub.feed.mu.RUnlock()
	sub.mu.Lock()
	defer sub.mu.Unlock()
	p := sub.pending
	sub.pending = pending{}
	w := Wake{Checkpoint: sub.feed.op, All: p.all, Lookups: p.lookups, Write: p.write, Committed: p.committed}
	for name := range p.buckets {
		w.Buckets = append(w.Buckets, name)
	}
	w.Fresh = sub.feed.fresh.all(w.Buckets)
	return w
}

// Close ends the subscription.
func (sub *Subscription) Close() {
	sub.Watch(nil, nil, "")
	sub.feed.mu.Lock()
	defer sub.feed.mu.Unlock()
	delete(sub.feed.all, sub)
}
