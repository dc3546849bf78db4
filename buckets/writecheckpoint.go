package buckets

import (
	"context"

	"github.com/weirsync/weir/storage"
)

// passed reports whether every source is past its head.
func passed(positions, heads map[string]Position) bool {
	for name, head := range heads {
		if positions[name] < head {
			return false
		}
	}
	return true
}

// NextWriteCheckpoint allocates the next number for key (first 1): it is reached when each source has been applied up to its
// position in heads. Durable when it returns. The caller then emits markers on the sources (protocol 3.9).
func (s *Store) NextWriteCheckpoint(ctx context.Context, key string, heads map[string]Position) (int64, error) {
	var id int64
	err := s.do(ctx, func(b *batch) error {
		w, ok, err := b.tx.WriteCheckpoint(key)
		if err != nil {
			return err
		}
		if !ok {
			w.ID = b.tx.WriteFloor()
		}
		id = w.ID + 1
		return b.putWriteCheckpoint(key, storage.WriteCheckpoint{ID: id, Heads: heads})
	})
	if err != nil { // of ctx: the job may still run, and write to id
		return 0, err
	}
	return id, nil
}

// RequestWriteCheckpoint stores max(stored, id) for key and returns it; heads replace the stored ones only if it grew. The bool
// tells whether it has been passed already.
func (s *Store) RequestWriteCheckpoint(ctx context.Context, key string, id int64, heads map[string]Position) (int64, bool, error) {
	var stored int64
	var reached bool
	err := s.do(ctx, func(b *batch) error {
		w, ok, err := b.tx.WriteCheckpoint(key)
		if err != nil {
			return err
		}
		if stored = max(w.ID, id); !ok || id > w.ID {
			return b.putWriteCheckpoint(key, storage.WriteCheckpoint{ID: id, Heads: heads})
		}
		_, waits := s.waiting[key]
		reached = !waits
		return nil
	})
	if err != nil { // of ctx: the job may still run, and write to both
		return 0, false, err
	}
	return stored, reached, nil
}

func (b *batch) putWriteCheckpoint(key string, w storage.WriteCheckpoint) error {
	w.Stored = b.s.opts.Now().Unix()
	if err := b.tx.PutWriteCheckpoint(key, w); err != nil {
		return err
	}
	b.s.waiting[key] = w
	return nil
}

// rewind makes ready for a source whose positions begin again below those seen: it is another server, or an older copy. The published
// checkpoint reaches none of the new positions, and what waits for an old one is reached with the first new checkpoint.
func (b *batch) rewind(source string, pos Position) error {
	if b.before.Positions[source] > 0 {
		b.before.Positions[source] = 0
		if err := b.tx.PutCheckpoint(b.before); err != nil {
			return err
		}
	}
	old := map[string]storage.WriteCheckpoint{}
	if err := b.tx.WriteCheckpoints("", func(key string, w storage.WriteCheckpoint) bool {
		if w.Heads[source] > pos {
			w.Heads[source] = pos
			old[key] = w
		}
		return true
	}); err != nil {
		return err
	}
	for key, w := range old {
		if err := b.putWriteCheckpoint(key, w); err != nil {
			return err
		}
	}
	return nil
}

// reached takes the write checkpoints out of the waiting ones that a checkpoint at positions reaches.
func (b *batch) reached(positions map[string]Position) []string {
	var keys []string
	for key, w := range b.s.waiting {
		if passed(positions, w.Heads) {
			keys = append(keys, key)
			delete(b.s.waiting, key)
		}
	}
	return keys
}
