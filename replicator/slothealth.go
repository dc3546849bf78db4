package replicator

import (
	"context"
	"fmt"
	"time"
)

// slotFirst and slotEvery are the pauses between looks at the slot for those who watch it. The driver's looks, which end a session whose
// slot is lost, are rarer.
const (
	slotFirst = time.Second
	slotEvery = 5 * time.Second
)

// SlotHealth is what the server says of the WAL that it keeps for the slot.
type SlotHealth struct {
	Status   string    // pg_replication_slots.wal_status: reserved, extended, unreserved or lost; "" while nothing is known
	Safe     int64     // bytes that can still be written before the slot may be lost; negative: without limit
	Budget   int64     // of bytes, as the server is configured; negative: none
	Retained int64     // bytes of WAL that are kept for the slot
	Behind   int64     // bytes between what was acknowledged and the end of the WAL
	Active   bool      // somebody reads it
	Checked  time.Time // when
}

// budgetMarks are the parts of the WAL budget, in percent, at which an operator hears of it.
var budgetMarks = []int64{50, 25, 10}

// passed counts the marks that what is left of the budget has fallen to. A slot whose WAL is not reserved any more has passed all.
func (h *SlotHealth) passed() (n int) {
	if h.Status == "unreserved" {
		return len(budgetMarks)
	}
	if h.Budget <= 0 || h.Safe < 0 {
		return 0
	}
	for _, mark := range budgetMarks {
		if h.Safe <= h.Budget/100*mark {
			n++
		}
	}
	return n
}

// warning says how near the slot is to being lost.
func (h *SlotHealth) warning(name string) *Fault {
	return &Fault{
		Code: CodeSlotBudget,
		Message: fmt.Sprintf("slot %s may fall behind by %s more before Postgres removes WAL that it needs (budget %s, wal_status %s)",
			name, mebibytes(max(h.Safe, 0)), mebibytes(h.Budget), h.Status),
		Hint: "raise max_slot_wal_keep_size, or see in weir status what holds the stream back; while sequential snapshots run it waits: set snapshot.concurrent",
	}
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// checkSlot finds a slot that is gone or was invalidated, also while the stream has not begun, and warns of one that soon will be. It
// runs at each look at the catalog and before each chunk.
func (s *Source) checkSlot(ctx context.Context) error {
	sl, err := s.lookAtSlot(ctx)
	if err != nil {
		return err
	}
	s.noteSlot(sl)
	switch {
	case !sl.exists:
		return slotGone(s.cfg.Slot)
	case sl.lost != "":
		return slotLost(s.cfg.Slot, sl.lost)
	}
	return nil
}

// lookAtSlot reads the slot, and where the WAL ends: a standby's ends at the primary.
func (s *Source) lookAtSlot(ctx context.Context) (slot, error) {
	sl, err := readSlot(ctx, s.slots, s.cfg.Slot)
	if err == nil && sl.exists && s.cfg.viaStandby() {
		sl.head, err = readFlushed(ctx, s.pool)
	}
	return sl, err
}

// watchSlot looks at the slot until ctx ends. What fails here fails the driver too.
func (s *Source) watchSlot(ctx context.Context) {
	for wait := slotFirst; pause(ctx, wait) == nil; wait = slotEvery {
		if sl, err := s.lookAtSlot(ctx); err == nil {
			s.noteSlot(sl)
		}
	}
}

// noteSlot keeps what was seen of the slot, also of one that is lost, and of the end of the WAL, and logs each mark of the budget once on
// the way down. A slot that is gone is nothing but Checked.
func (s *Source) noteSlot(sl slot) {
	now := sl.wal
	now.Active, now.Checked = sl.active != 0, time.Now()
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	h.head = max(h.head, sl.head)
	h.behind.saw(h.head, now.Checked)
	before := h.warned
	h.slot, h.warned, h.warning = now, now.passed(), nil
	if h.warned == 0 {
		return
	}
	w := now.warning(s.cfg.Slot)
	h.warning = Faults{w}
	if h.warned > before {
		s.log.Warn("WAL budget", "warning", w.Message, "hint", w.Hint)
	}
}

// lose notes that the history is lost. Where the WAL ended before means nothing any more: the server may be another one.
func (s *Source) lose() {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	h.losses++
	h.head, h.behind = 0, lag{}
}
