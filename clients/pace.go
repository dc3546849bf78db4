package clients

import "golang.org/x/sync/semaphore"

// Bytes of a page. One operation may be bigger.
const (
	pageMin = 12 << 10     // with its copy in the transport it takes less than 64 KiB, spare capacity included
	pageMax = 48 * pageMin // three of them fit in a socket's buffer of 4 MiB, as outbox.Room counts it
)

// largePages bounds what the pages above pageMin of all sessions take together (I14).
const largePages = 64 << 20

// pace says how large pages a client gets: as large as its connection has room for. A large page saves a fast client many lines, and is
// handed to the kernel at once, whatever the client does: one that stalls, however fast it was, holds up a small one.
type pace struct {
	budget *semaphore.Weighted
}

func newBudget() *semaphore.Weighted { return semaphore.NewWeighted(largePages) }

// take returns the size of the next page, whose memory is held until release. There are few sizes, so that clients at the same place can
// share pages.
func (p *pace) take(room int) (limit int, release func()) {
	limit = pageMin
	for limit < pageMax && min(4*limit, pageMax) <= room {
		limit = min(4*limit, pageMax)
	}
	if limit == pageMin || !p.budget.TryAcquire(int64(limit)) {
		return pageMin, func() {}
	}
	return limit, func() { p.budget.Release(int64(limit)) }
}
