package storage

import (
	"bytes"

	bolt "go.etcd.io/bbolt"
)

// Usage is what the buckets of a definition hold.
type Usage struct {
	Buckets int64
	Ops     int64 // of their histories
	Bytes   int64 // of op blocks, as stored
}

// Add adds what other counted.
func (u *Usage) Add(other Usage) {
	u.Buckets += other.Buckets
	u.Ops += other.Ops
	u.Bytes += other.Bytes
}

// Usage counts up to limit buckets of a definition, from a place on that it returned as next; nil is the beginning, and the end.
func (tx *Tx) Usage(def DefinitionID, from []byte, limit int) (u Usage, next []byte, err error) {
	prefix := appendU64(nil, uint64(def))
	c := tx.section(secNames).Cursor()
	for k, v := c.Seek(append(prefix[:8:8], from...)); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if u.Buckets == int64(limit) {
			return u, bytes.Clone(k[8:]), nil
		}
		id := BucketID(key64(v))
		state, err := tx.Bucket(id)
		if err != nil {
			return u, nil, err
		}
		u.Add(Usage{Buckets: 1, Ops: state.Base.Count + state.Pending.Count, Bytes: tx.blockBytes(id)})
	}
	return u, nil, nil
}

// blockBytes is the size of a bucket's blocks. Only the places of long values are read.
func (tx *Tx) blockBytes(id BucketID) (n int64) {
	c := tx.blockCursor(id)
	for b := c.up(0); b != nil; b = c.next() {
		n += int64(len(b.key) + b.Size)
	}
	return n
}

// Space is how large the file is, and what of it is free.
type Space struct {
	Bytes    int64
	PageSize int64
	Free     int64 // pages
	Pending  int64 // pages that are free once the readers of now are gone
}

// Space reads no page.
func (db *DB) Space() (sp Space, err error) {
	db.mu.RLock() // the file can't be exchanged in between
	defer db.mu.RUnlock()
	stats := db.bolt.Stats()
	sp = Space{Free: int64(stats.FreePageN), Pending: int64(stats.PendingPageN)}
	err = db.bolt.View(func(tx *bolt.Tx) error { // which holds the mapping that Info looks at
		sp.Bytes, sp.PageSize = tx.Size(), int64(db.bolt.Info().PageSize)
		return nil
	})
	return sp, err
}
