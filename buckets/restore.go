package buckets

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/weirsync/weir/storage"
)

// restoredMemo is kept while a backup that was taken into use has not been compared with all its sources.
const restoredMemo = "restored"

// restored says that the store is a backup of a store that went on. Clients may have more than it has, so nothing of it is served until
// every source said that the stream goes on from here, or its tables are read again (I13).
type restored struct {
	Backup  string   // when it was made
	Sources []string // not compared yet; empty: all is well

	heads map[string]Position // of Sources that were compared: what the stream has to reach
}

// reuse takes a backup into use. Op ids go on above all that the store gave out that the backup was made of (I3), and the checkpoint of the
// backup is published no more. The hand-over is one update, so a crash can't separate its parts.
func (s *Store) reuse() error {
	var backup string
	err := s.db.View(func(tx *storage.Tx) error {
		backup = tx.BackedUp()
		return nil
	})
	if err != nil || backup == "" {
		return err
	}
	s.log.Warn("the store is a backup: clients are served once it was compared with its sources", "made", backup)
	return s.db.Update(func(tx *storage.Tx) error {
		r := restored{Backup: backup}
		if err := tx.Sources(func(name string, _ storage.Source) error {
			r.Sources = append(r.Sources, name)
			return nil
		}); err != nil {
			return err
		}
		if err := hide(tx, freshCounters(s.opts.Now())); err != nil {
			return err
		}
		if err := putRestored(tx, r); err != nil {
			return err
		}
		return tx.Reuse()
	})
}

// hide unpublishes the checkpoint and has op ids go on at those of a new store at least, and definition ids in its range: the store that
// went on may have given out the next ones, and clients may have buckets of their names (I3b).
func hide(tx *storage.Tx, fresh storage.Counters) error {
	counters, err := tx.Counters()
	if err != nil {
		return err
	}
	counters.Op, counters.Definition = max(counters.Op, fresh.Op), fresh.Definition
	if err := tx.PutCounters(counters); err != nil {
		return err
	}
	cp, err := tx.Checkpoint()
	if err != nil {
		return err
	}
	cp.Version = 0
	return tx.PutCheckpoint(cp)
}

func putRestored(tx *storage.Tx, r restored) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode memo %s: %w", restoredMemo, err)
	}
	return tx.PutMemo(restoredMemo, text)
}

func (s *Store) loadRestored(tx *storage.Tx) error {
	text := tx.Memo(restoredMemo)
	if text == nil {
		return nil
	}
	if err := json.Unmarshal(text, &s.restored); err != nil {
		return &storage.CorruptionError{Section: "meta", Key: []byte(restoredMemo), Reason: err.Error()}
	}
	s.restored.Sources = slices.DeleteFunc(s.restored.Sources, func(name string) bool { return !slices.Contains(s.opts.Sources, name) })
	return nil
}

// Confirm says that the stream of a source goes on where the store stands, and that the server's WAL ends at head; or that generations of
// all its tables have begun, and head is where the new slot starts. It is cheap unless the store is a backup: then the gate stays shut
// until the stream has come to head, since clients may have all that is before it, although the server was never told.
func (s *Store) Confirm(ctx context.Context, source string, head Position) error {
	s.mu.RLock()
	waits := slices.Contains(s.restored.Sources, source)
	s.mu.RUnlock()
	if !waits {
		return nil
	}
	return s.do(ctx, func(b *batch) error {
		b.s.update(func() {
			if b.s.restored.heads == nil {
				b.s.restored.heads = map[string]Position{}
			}
			b.s.restored.heads[source] = head // the newest: it may be of another server
		})
		return nil // the end of the batch looks at them
	})
}

// compare confirms the sources whose stream has come far enough.
func (b *batch) compare() error {
	for name, head := range b.s.restored.heads {
		if b.position(name) < head {
			continue
		}
		if err := b.confirm(name); err != nil {
			return err
		}
	}
	return nil
}

// confirm takes a source off the list. Behind the last one the gate is as the tables say (I9).
func (b *batch) confirm(source string) error {
	if !slices.Contains(b.s.restored.Sources, source) {
		return nil
	}
	r := b.s.restored
	r.Sources = slices.DeleteFunc(slices.Clone(r.Sources), func(name string) bool { return name == source })
	if err := putRestored(b.tx, r); err != nil {
		return err
	}
	b.s.update(func() { b.s.restored = r })
	if len(r.Sources) == 0 {
		b.s.log.Info("the backup was compared with its sources", "made", r.Backup)
	}
	return nil
}

// unpublished is why there is no version to serve. The caller holds mu.
func (s *Store) unpublished() error {
	if s.restored.Backup == "" || s.catalog.active == nil {
		return ErrNoVersion
	}
	if len(s.restored.Sources) == 0 {
		return fmt.Errorf("%w: the store is a backup of %s, and tables that changed since are being read", ErrNoVersion, s.restored.Backup)
	}
	return fmt.Errorf("%w: the store is a backup of %s, and waits to be compared with sources %q", ErrNoVersion, s.restored.Backup, s.restored.Sources)
}
