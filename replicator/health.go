package replicator

import (
	"sync"
	"time"

	"github.com/weirsync/weir/buckets"
)

// State is what a source is doing.
type State string

// States, in the order of a start.
const (
	Connecting State = "connecting"   // not reached yet, or between two attempts
	Validating State = "validating"   // checks, publication
	Standby    State = "standing by"  // another weir has the source
	Waiting    State = "waiting"      // for the slot: other transactions or another reader hold it up
	Snapshot   State = "snapshotting" // sequential mode: the stream has not begun
	Streaming  State = "streaming"
	Stopped    State = "stopped"
)

// Health is what probes and people need to know of a source.
type Health struct {
	Source    string
	State     State
	Connected bool  // the stream, or the snapshot that precedes it, is running
	Fatal     error // why Run returned, if it did so by itself
	Faults    Faults
	Warnings  Faults           // of what works, but may not for long
	Waiting   string           // what is being waited for, "" for nothing
	Position  buckets.Position // durable
	Head      buckets.Position // end of the server's WAL, as last heard
	Lag       int64            // bytes between the two
	LagTime   time.Duration    // since the WAL ended at Position
	Slot      SlotHealth       // as last seen
	Losses    int64            // times that the history was found lost, and all tables had to be read again
	Since     time.Time        // of State
}

// health guards what Health reports.
type health struct {
	mu sync.Mutex

	state   State
	since   time.Time
	faults  Faults // of the session: it can't go on
	tables  Faults // of single tables: the others go on
	waiting string
	head    buckets.Position
	fatal   error
	behind  lag
	losses  int64

	slot    SlotHealth
	warned  int    // of the WAL budget: the number of marks that are passed
	warning Faults // about it
}

// Health reports how the source is. It never blocks on the network.
func (s *Source) Health() Health {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	pos := s.store.Durable(s.cfg.Name)
	head := max(h.head, pos)
	return Health{
		Source: s.cfg.Name, State: h.state, Since: h.since, Fatal: h.fatal,
		Connected: h.state == Streaming || h.state == Snapshot,
		Faults:    append(append(Faults{}, h.faults...), h.tables...),
		Warnings:  h.warning,
		Slot:      h.slot,
		Waiting:   h.waiting, Position: pos, Head: head, Lag: int64(head - pos),
		LagTime: h.behind.of(pos, time.Now()), Losses: h.losses,
	}
}

// enter notes the state and tells the log when it is a new one.
func (s *Source) enter(state State) {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting = ""
	if state == Streaming || state == Snapshot || state == Standby {
		h.faults = nil
	}
	if h.state == state {
		return
	}
	h.state, h.since = state, time.Now()
	s.log.Info("source state", "state", string(state), "lsn", s.store.Durable(s.cfg.Name).String())
}

// fail notes why a session ended.
func (s *Source) fail(err error) { s.replaceFaults(&s.health.faults, faultsOf(err), "source fault") }

// failTables replaces the faults of single tables.
func (s *Source) failTables(faults Faults) {
	if mended := s.replaceFaults(&s.health.tables, faults, "table fault"); mended {
		s.log.Info("table faults are mended")
	}
}

// replaceFaults puts faults in the place of those before, which health guards. The log hears of them once, however often they are met
// again. mended: there were some, and are none now.
func (s *Source) replaceFaults(before *Faults, faults Faults, message string) (mended bool) {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	if faults.Error() != before.Error() {
		for _, f := range faults {
			s.log.Warn(message, "code", f.Code, "fault", f.Message, "hint", f.Hint)
		}
	}
	mended = len(faults) == 0 && len(*before) > 0
	*before = faults
	return mended
}

// await notes what is being waited for; "" for nothing. Whoever waits has passed what failed before.
func (s *Source) await(what string) {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if what != "" {
		h.faults = nil
	}
	if what != "" && what != h.waiting {
		s.log.Info("waiting", "for", what)
	}
	h.waiting = what
}

func (s *Source) heardHead(pos buckets.Position) {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	h.head = pos
	h.behind.saw(pos, time.Now())
}
