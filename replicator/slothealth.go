package replicator

import (
	"time"

	"github.com/weirsync/weir/buckets"
)

// SlotHealth is what the server says of the WAL that it keeps for the slot.
type SlotHealth struct {
	Status   string    // pg_replication_slots.wal_status: reserved, extended, unreserved or lost; "" while nothing is known
	Safe     int64     // bytes that can still be written before the slot may be lost; negative: without limit
	Retained int64     // bytes of WAL that are kept for the slot
	Checked  time.Time // when
}

// noteSlot keeps what was seen of the slot, at each look at the catalog.
func (s *Source) noteSlot(now SlotHealth, head buckets.Position) {
	now.Checked = time.Now()
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	h.slot = now
	h.head = max(h.head, head)
	h.behind.saw(h.head, now.Checked)
}
