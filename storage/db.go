package storage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const formatName = "weir store 3"

// Names of the sections; doc.go says what is in them.
const (
	secMeta        = "meta"
	secSources     = "sources"
	secPositions   = "positions"
	secVersions    = "versions"
	secDefinitions = "definitions"
	secTables      = "tables"
	secStrings     = "strings"
	secNames       = "names"
	secBuckets     = "buckets"
	secOps         = "ops"
	secTail        = "tail"
	secLoads       = "loads"
	secRecent      = "recent"
	secRows        = "rows"
	secRuns        = "runs"
	secImages      = "images"
	secMarks       = "marks"
	secParams      = "params"
	secGarbage     = "garbage"
	secWrite       = "write"
	secStaging     = "staging"
	secStaged      = "staged"
)

var sections = []string{
	secMeta, secSources, secPositions, secVersions, secDefinitions, secTables, secStrings, secNames,
	secBuckets, secOps, secTail, secLoads, secRecent, secRows, secRuns, secImages, secMarks, secParams, secGarbage, secWrite, secStaging, secStaged,
}

// DB is an open store file. Any number of View run beside one Update.
type DB struct {
	path string

	turn sync.Mutex // held while the file is copied: for one copy at a time, until it has its name

	writing sync.Mutex // held by each Update, and while the file is exchanged
	copy    *fileCopy  // guarded by writing; nil unless the file is being copied
	filters filters    // guarded by writing
	recents recents    // guarded by writing
	runRows int        // RunRows, or what a test set
	broken  error      // guarded by writing; why nothing can be written any more

	copying atomic.Pointer[fileCopy] // is copy, for those who ask how far it is

	mu   sync.RWMutex // guards what follows, which changes when the file is exchanged
	bolt *bolt.DB
}

// Open opens the file at path, or creates it with the given start values. It waits a second for another process to let go
// of it, then returns ErrLocked. A file that is not a store gives a ForeignError and is left as it is.
func Open(path string, fresh Counters) (*DB, error) {
	if err := foreign(path); err != nil {
		return nil, err
	}
	b, err := openBolt(path, false)
	if err != nil {
		return nil, err
	}
	db := &DB{path: path, bolt: b, filters: filters{}, recents: recents{}, runRows: RunRows}
	empty, err := db.recognise(path)
	if err == nil && empty {
		err = db.layout(fresh)
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	_ = os.Remove(path + copySuffix) // of a process that died: who makes one holds the lock that we have
	return db, nil
}

func openBolt(path string, readOnly bool) (*bolt.DB, error) {
	b, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout: time.Second, FreelistType: bolt.FreelistMapType, NoFreelistSync: true, ReadOnly: readOnly,
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("open store %s: %w", path, ErrLocked)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return nil, &ForeignError{Path: path, Reason: err.Error()}
	case err != nil:
		return nil, fmt.Errorf("open store: %w", err)
	}
	return b, nil
}

// foreign looks at the file before bbolt does: bbolt would take a short file for an empty one and overwrite it.
func foreign(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if info.IsDir() {
		return &ForeignError{Path: path, Reason: "it is a directory"}
	}
	if n := info.Size(); n > 0 && n < 4096 {
		return &ForeignError{Path: path, Reason: "the file is too short"}
	}
	return nil
}

// recognise checks the format of the file; empty tells that it is a new one.
func (db *DB) recognise(path string) (empty bool, err error) {
	err = db.bolt.View(func(tx *bolt.Tx) error {
		meta := tx.Bucket([]byte(secMeta))
		if meta == nil {
			if k, _ := tx.Cursor().First(); k != nil {
				return &ForeignError{Path: path, Reason: "it is a bbolt file of another program"}
			}
			empty = true
			return nil
		}
		if got := meta.Get([]byte("format")); !bytes.Equal(got, []byte(formatName)) {
			return &ForeignError{Path: path, Reason: fmt.Sprintf("its format is %q, not %q", got, formatName)}
		}
		for _, s := range sections {
			if tx.Bucket([]byte(s)) == nil {
				return corrupt(s, nil, "the section is missing")
			}
		}
		return nil
	})
	return empty, err
}

// layout makes the sections of a new file.
func (db *DB) layout(fresh Counters) error {
	return db.bolt.Update(func(tx *bolt.Tx) error {
		for _, s := range sections {
			if _, err := tx.CreateBucket([]byte(s)); err != nil {
				return fmt.Errorf("create section %s: %w", s, err)
			}
		}
		meta := tx.Bucket([]byte(secMeta))
		if err := meta.Put([]byte("format"), []byte(formatName)); err != nil {
			return err
		}
		return meta.Put([]byte("counters"), fresh.encode())
	})
}

// Close closes the file. All transactions must have ended.
func (db *DB) Close() error { return db.file().Close() }

// SetRunRows sets RunRows: for tests, before the first Update.
func (db *DB) SetRunRows(n int) { db.runRows = n }

// NoSync turns fsync off: for tests that make thousands of stores and crash none of them by force.
func (db *DB) NoSync() { db.file().NoSync = true }

func (db *DB) file() *bolt.DB {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.bolt
}

// View runs fn in a read transaction. Bytes that fn gets from it are valid only inside.
func (db *DB) View(fn func(*Tx) error) error {
	db.mu.RLock() // the file can be exchanged as soon as the transaction has begun: it keeps the one that it has
	b, err := db.bolt.Begin(false)
	db.mu.RUnlock()
	if err != nil {
		return err
	}
	defer func() { _ = b.Rollback() }()
	return fn(newTx(b))
}

// Update runs fn in the write transaction and makes it durable (fsync), unless fn fails.
func (db *DB) Update(fn func(*Tx) error) error {
	db.writing.Lock()
	defer db.writing.Unlock()
	if db.broken != nil {
		return db.broken
	}
	db.copy.relieve()
	var changes []change
	err := db.file().Update(func(b *bolt.Tx) error {
		tx := newTx(b)
		tx.filters, tx.recents, tx.runRows = db.filters, db.recents, db.runRows
		if db.copy != nil {
			tx.changes = &changes
		}
		return fn(tx)
	})
	if err != nil {
		clear(db.filters) // they tell of runs as the transaction would have left them
		clear(db.recents)
		return err
	}
	db.copy.note(changes)
	return nil
}

// Tx is a transaction over the file.
type Tx struct {
	bolt     *bolt.Tx
	sections []*section // that were asked for: a few
	runs     map[TableID]*runs
	loads    []OpID  // nil if not known yet
	filters  filters // nil in a View
	recents  recents // nil in a View
	runRows  int
	changes  *[]change // where they are noted for a copy of the file, or nil
}

func newTx(b *bolt.Tx) *Tx { return &Tx{bolt: b} }

func (tx *Tx) section(name string) *section {
	for _, s := range tx.sections {
		if s.name == name {
			return s
		}
	}
	s := &section{Bucket: tx.bolt.Bucket([]byte(name)), name: name, changes: tx.changes}
	tx.sections = append(tx.sections, s)
	return s
}

// section is a section in a transaction.
type section struct {
	*bolt.Bucket
	name    string
	changes *[]change
}

// Put stores a value. Its bytes must stay as they are until the transaction ends.
func (s *section) Put(key, value []byte) error {
	if s.changes != nil {
		*s.changes = append(*s.changes, change{s.name, bytes.Clone(key), bytes.Clone(value), false})
	}
	return s.Bucket.Put(key, value)
}

// Delete removes a key.
func (s *section) Delete(key []byte) error {
	if s.changes != nil {
		*s.changes = append(*s.changes, change{section: s.name, key: bytes.Clone(key), gone: true})
	}
	return s.Bucket.Delete(key)
}
