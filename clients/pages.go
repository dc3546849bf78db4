package clients

import (
	"bytes"
	"container/list"
	"sync"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/wire"
)

// sharedPages bounds the pages that are kept for other sessions, in bytes.
const sharedPages = 16 << 20

// pageLife is how long a page is kept that nobody asks for: sessions that a commit wakes come within milliseconds, clients that download
// side by side within seconds.
const pageLife = 3 * time.Second

// keptAtOnce is how large a page is at most to be kept from the first time on. Most that are larger are of somebody who downloads a bucket
// alone: 5,000 clients that fetched 74 KiB each left 360 MiB of garbage, none of which anybody had asked for again.
const keptAtOnce = smallPage

// page is an encoded data line. Immutable.
type page struct {
	line      []byte // nil if there was nothing to send
	ops       int
	next      buckets.OpID // the last op in it
	more      bool         // others follow up to the checkpoint
	overtaken bool         // the round can't be completed
}

// pageKey says what is in a page: the ops of a bucket after one up to last, as many as fit. Ops never change but by compaction, and then
// either page is right (I7).
type pageKey struct {
	bucket      string
	after, last buckets.OpID
	format      wire.Format
	limit       int
}

// pages are shared by the sessions that are at the same place: each is read and encoded once, whoever comes first, or twice if it is large
// and nobody waited for it the first time. What was not asked for lately goes when there are too many bytes. Safe for concurrent use.
type pages struct {
	limit int

	mu    sync.Mutex
	byKey map[pageKey]*list.Element // of *sharedPage
	order *list.List                // the one asked for last comes first
	bytes int
	timed bool // expire is due
}

// sharedPage is a page that is there, or on its way, or was: of a large one only that it was read is known until it is asked for again.
type sharedPage struct {
	key  pageKey
	done chan struct{} // closed once page and err are set
	page *page
	err  error
	// guarded by pages.mu:

	wanted bool      // by somebody else than who reads it
	passed bool      // it was not kept: who wants it has to read it again
	used   time.Time // last asked for
	size   int       // as counted in pages.bytes, whether it is kept or not; 0 until it has been read
}

func newPages(limit int) *pages {
	return &pages{limit: limit, byKey: map[pageKey]*list.Element{}, order: list.New()}
}

// get returns the page, which read makes if nobody has, and waits for whoever is reading it already, which takes no longer. own: the line
// is the one that read returned, else it is a copy that stays.
func (c *pages) get(key pageKey, read func() (*page, error)) (p *page, own bool, err error) {
	e, mine := c.claim(key)
	shared := e.Value.(*sharedPage)
	if !mine {
		<-shared.done
		return shared.page, false, shared.err
	}
	if p, err = read(); err != nil {
		p = &page{}
	}
	if own = c.pass(shared, p); !own {
		p.line = bytes.Clone(p.line)
		shared.page, shared.err = p, err
	}
	close(shared.done)
	c.settle(e, p, err)
	return p, own, err
}

// claim returns the page's element, and whether the caller is the one who has to read it.
func (c *pages) claim(key pageKey) (_ *list.Element, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[key]
	if e != nil {
		if p := e.Value.(*sharedPage); !p.passed {
			c.order.MoveToFront(e)
			p.wanted, p.used = true, time.Now()
			return e, false
		}
		c.removeLocked(e)
	}
	p := &sharedPage{key: key, done: make(chan struct{}), wanted: e != nil, used: time.Now()}
	c.byKey[key] = c.order.PushFront(p)
	return c.byKey[key], true
}

// pass decides whether the page that was read is not kept.
func (c *pages) pass(shared *sharedPage, p *page) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	shared.passed = !shared.wanted && len(p.line) > keptAtOnce
	return shared.passed
}

// settle counts a page that has been read, and makes room for it.
func (c *pages) settle(e *list.Element, p *page, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || p.overtaken || p.line == nil {
		c.removeLocked(e)
		return
	}
	if shared := e.Value.(*sharedPage); c.byKey[shared.key] == e { // else it went meanwhile
		shared.size = len(p.line)
		c.bytes += shared.size
	}
	c.timeLocked()
	for e := c.order.Back(); e != nil && c.bytes > c.limit; e = c.order.Back() {
		c.removeLocked(e)
	}
}

// timeLocked has what nobody asks for expire.
func (c *pages) timeLocked() {
	if !c.timed && c.order.Len() > 0 {
		c.timed = true
		time.AfterFunc(pageLife, c.expire)
	}
}

// expire drops the pages that were not asked for lately.
func (c *pages) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.order.Back(); e != nil && time.Since(e.Value.(*sharedPage).used) >= pageLife; e = c.order.Back() {
		c.removeLocked(e)
	}
	c.timed = false
	c.timeLocked()
}

func (c *pages) removeLocked(e *list.Element) {
	p := e.Value.(*sharedPage)
	if c.byKey[p.key] != e {
		return
	}
	c.bytes -= p.size
	delete(c.byKey, p.key)
	c.order.Remove(e)
}
