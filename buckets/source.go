package buckets

import (
	"context"
	"fmt"
	"time"

	"github.com/weirsync/weir/storage"
)

// SourceState is what the store remembers of a source (I13). It is written together with the data it describes.
type SourceState struct {
	Name           string
	SystemID       string   // IDENTIFY_SYSTEM
	Database       string   // name
	Timeline       int32    // of Position
	Slot           string   // name
	Publication    string   // name
	PublicationOID uint32   // pg_publication.oid
	Position       Position // end of the last applied commit, or a keepalive position outside a transaction (I2)
}

// source is a source in the writer's memory.
type source struct {
	state   storage.Source
	stored  bool     // state was ever saved
	applied Position // of the newest batch, durable or not
	durable Position

	relations []*Relation // of the transaction that is being staged, by number; the writer's own
}

func (s *Store) loadSources(tx *storage.Tx) error {
	for _, name := range s.opts.Sources {
		s.sources[name] = &source{}
	}
	if err := tx.Sources(func(name string, state storage.Source) error {
		s.sources[name] = &source{state: state, stored: true}
		return nil
	}); err != nil {
		return err
	}
	for name, src := range s.sources {
		pos, err := tx.Position(name)
		if err != nil {
			return err
		}
		src.applied, src.durable = pos, pos
	}
	return nil
}

// Source returns what is stored of the source called name; ok is false for a source never seen.
func (s *Store) Source(name string) (state SourceState, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	src := s.sources[name]
	if src == nil || !src.stored {
		return SourceState{Name: name}, false
	}
	st := src.state
	return SourceState{
		Name: name, SystemID: st.SystemID, Database: st.Database, Timeline: st.Timeline, Slot: st.Slot,
		Publication: st.Publication, PublicationOID: st.PublicationOID, Position: src.durable,
	}, true
}

// SaveSource stores state durably. It is called when a slot was made (Position = its consistent point) and whenever the server's
// identity was checked; never to move Position of a running stream.
func (s *Store) SaveSource(ctx context.Context, state SourceState) error {
	return s.do(ctx, func(b *batch) error {
		rec := storage.Source{
			SystemID: state.SystemID, Database: state.Database, Timeline: state.Timeline, Slot: state.Slot,
			Publication: state.Publication, PublicationOID: state.PublicationOID,
		}
		if s.sources[state.Name] == nil {
			return fmt.Errorf("source %q is not configured", state.Name)
		}
		if err := b.tx.PutSource(state.Name, rec); err != nil {
			return err
		}
		s.update(func() {
			src := s.sources[state.Name]
			src.state, src.stored = rec, true
		})
		if state.Position != b.position(state.Name) { // another history: the file may be an old copy, whose ids were given out (I3)
			b.counters.Op = max(b.counters.Op, freshCounters(s.opts.Now()).Op)
		}
		if state.Position < b.position(state.Name) {
			if err := b.rewind(state.Name, state.Position); err != nil {
				return err
			}
		}
		b.setPosition(state.Name, state.Position)
		return nil
	})
}

// Settle returns once everything that was queued before it is durable. Whoever compares a server with Source calls it first: what an
// earlier connection handed over would come behind the comparison otherwise.
func (s *Store) Settle(ctx context.Context) error {
	return s.do(ctx, func(*batch) error { return nil })
}

// Apply queues tx for the writer and returns once there is room in its queue (bounded in bytes, I14). tx and its bytes belong
// to the store afterwards. A transaction whose End is not above the source's stored position is dropped (I6). An error
// means that the store can't go on (disk, corruption) or that ctx ended.
func (s *Store) Apply(ctx context.Context, tx *Transaction) error {
	if s.opts.Trace != nil {
		tx.received = time.Now()
	}
	return s.queue.put(ctx, &job{kind: jobTransaction, tx: tx, bytes: tx.Bytes + jobBytes})
}

// Keepalive queues a position received from the server while no transaction was open. Cheap when nothing moved.
func (s *Store) Keepalive(ctx context.Context, source string, pos Position) error {
	if pos <= s.Durable(source) {
		return nil
	}
	return s.queue.put(ctx, &job{kind: jobKeepalive, source: source, pos: pos, bytes: jobBytes})
}

// Durable returns the source's position that is fsynced in the store: the only one that may be acknowledged (I2).
func (s *Store) Durable(source string) Position {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if src := s.sources[source]; src != nil {
		return src.durable
	}
	return 0
}

// Applied returns the source's stream position that the writer has applied so far. The Barrier's start is measured with it (5.6).
func (s *Store) Applied(source string) Position {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if src := s.sources[source]; src != nil {
		return src.applied
	}
	return 0
}

// WaitDurable returns once Durable(source) >= pos, or with an error when ctx ends or the store stopped.
func (s *Store) WaitDurable(ctx context.Context, source string, pos Position) error {
	for {
		s.mu.RLock()
		moved := s.moved
		s.mu.RUnlock()
		if s.Durable(source) >= pos {
			return nil
		}
		select {
		case <-moved:
		case <-s.queue.halted:
			if s.Durable(source) >= pos { // with its last batch
				return nil
			}
			return s.queue.stopped
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
