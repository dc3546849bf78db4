package buckets

import (
	"context"

	"github.com/weirsync/weir/storage"
)

// Refuse records a text that can't be deployed as a failed version, so that history and status can say why. It changes nothing else. The
// same text with the same reason is recorded once in a row.
func (s *Store) Refuse(ctx context.Context, text, note, reason string) (Version, error) {
	return s.change(ctx, func(b *batch) (VersionID, error) {
		versions := s.catalog.versions
		if n := len(versions); n > 0 {
			if v := versions[n-1]; v.State == Failed && v.Text == text && v.Reason == reason {
				return v.ID, nil
			}
		}
		now := s.opts.Now().UTC()
		v := &version{Version: Version{
			ID: b.counters.Version, State: Failed, Text: text, Note: note, Reason: reason, Created: now, Changed: now,
		}}
		b.counters.Version++
		b.look = true
		s.update(func() { s.catalog.addVersion(v) })
		s.log.Warn("rules version refused", "version", v.ID, "reason", reason)
		return v.ID, b.tx.PutVersion(v.ID, v.record())
	})
}

// Remember stores a small value of the caller's under a name, durably.
func (s *Store) Remember(ctx context.Context, name string, value []byte) error {
	return s.do(ctx, func(b *batch) error { return b.tx.PutMemo(name, value) })
}

// Recall returns what was last remembered under the name, nil if nothing was.
func (s *Store) Recall(name string) (value []byte, err error) {
	err = s.db.View(func(tx *storage.Tx) error {
		value = tx.Memo(name)
		return nil
	})
	return value, err
}
