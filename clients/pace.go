package clients

import (
	"time"

	"golang.org/x/sync/semaphore"
)

// Bytes of a page. One operation may be bigger.
const (
	pageMin = 16 << 10 // with its copy in the transport it takes less than 64 KiB, spare capacity included
	pageMax = 1 << 20
)

// largePages bounds what the pages above pageMin of all sessions take together (I14).
const largePages = 64 << 20

const (
	quick = 50 * time.Millisecond // a client that takes a page in less gets one twice as large
	slow  = time.Second           // one that takes longer gets small ones again
)

// pace says how large pages a client gets: small ones first, larger ones while it takes them quickly. So a client that takes nothing
// holds up little memory, and one that is fast has few lines to handle. What all of them hold up in large pages is
// bounded; when that is used up, by clients that were fast and stopped, the others go on with small ones.
type pace struct {
	size   int // of the next page, pageMin if 0
	budget *semaphore.Weighted
}

func newBudget() *semaphore.Weighted { return semaphore.NewWeighted(largePages) }

// take returns the size of the next page, whose memory is held until release.
func (p *pace) take() (limit int, release func()) {
	if p.size <= pageMin || !p.budget.TryAcquire(int64(p.size)) {
		return pageMin, func() {}
	}
	size := int64(p.size)
	return p.size, func() { p.budget.Release(size) }
}

// adjust takes into account how long the client took for a page.
func (p *pace) adjust(took time.Duration) {
	switch {
	case took < quick:
		p.size = min(max(2*p.size, 2*pageMin), pageMax)
	case took > slow:
		p.size = pageMin
	}
}
