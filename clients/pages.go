package clients

import (
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

// pages are shared by the sessions that are at the same place: each is read and encoded once, whoever comes first. What was not asked
// for lately goes when there are too many bytes. Safe for concurrent use.
type pages struct {
	limit int

	mu    sync.Mutex
	byKey map[pageKey]*list.Element // of *sharedPage
	order *list.List                // the one asked for last comes first
	bytes int
	timed bool // expire is due
}

// sharedPage is a page that is there, or on its way.
type sharedPage struct {
	key  pageKey
	done chan struct{} // closed once page and err are set
	page *page
	err  error
	// guarded by pages.mu:

	used time.Time // last asked for
	size int       // as counted in pages.bytes, 0 until it is there
}

func newPages(limit int) *pages {
	return &pages{limit: limit, byKey: map[pageKey]*list.Element{}, order: list.New()}
}

// get returns the page, which read makes if nobody has. It waits for whoever is reading it already, which takes no longer.
func (c *pages) get(key pageKey, read func() (*page, error)) (*page, error) {
	c.mu.Lock()
	if e := c.byKey[key]; e != nil {
		c.order.MoveToFront(e)
		p := e.Value.(*sharedPage)
		p.used = time.Now()
		c.mu.Unlock()
		<-p.done
		return p.page, p.err
	}
	p := &sharedPage{key: key, done: make(chan struct{}), used: time.Now()}
	e := c.order.PushFront(p)
	c.byKey[key] = e
	c.mu.Unlock()
	p.page, p.err = read()
	close(p.done)
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.err != nil || p.page.overtaken || p.page.line == nil {
		c.removeLocked(e)
		return p.page, p.err
	}
	if c.byKey[key] == e { // else it went meanwhile
		p.size = len(p.page.line)
		c.bytes += p.size
	}
	c.timeLocked()
	for e := c.order.Back(); e != nil && c.bytes > c.limit; e = c.order.Back() {
		c.removeLocked(e)
	}
	return p.page, nil
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
