package clients

import (
	"container/list"
	"sync"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/wire"
)

// sharedPages bounds the pages that are kept for other sessions.
const sharedPages = 32 << 20

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
}

// sharedPage is a page that is there, or on its way.
type sharedPage struct {
	key  pageKey
	done chan struct{} // closed once page and err are set
	page *page
	err  error
}

func newPages(limit int) *pages {
	return &pages{limit: limit, byKey: map[pageKey]*list.Element{}, order: list.New()}
}

// get returns the page, which read makes if nobody has. It waits for whoever is reading it already, which takes no longer.
func (c *pages) get(key pageKey, read func() (*page, error)) (*page, error) {
	c.mu.Lock()
	if e := c.byKey[key]; e != nil {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		p := e.Value.(*sharedPage)
		<-p.done
		return p.page, p.err
	}
	p := &sharedPage{key: key, done: make(chan struct{})}
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
		c.bytes += len(p.page.line)
	}
	for e := c.order.Back(); e != nil && c.bytes > c.limit; e = c.order.Back() {
		c.removeLocked(e)
	}
	return p.page, nil
}

func (c *pages) removeLocked(e *list.Element) {
	p := e.Value.(*sharedPage)
	if c.byKey[p.key] != e {
		return
	}
	select {
	case <-p.done:
		if p.err == nil && !p.page.overtaken {
			c.bytes -= len(p.page.line)
		}
	default: // not counted yet
	}
	delete(c.byKey, p.key)
	c.order.Remove(e)
}
