package storage

import (
	"errors"
	"fmt"
)

// CorruptionError says that the file does not hold what this package writes.
type CorruptionError struct {
	Section string
	Key     []byte
	Reason  string
}

func (e *CorruptionError) Error() string {
	return fmt.Sprintf("store is corrupt: %s %x: %s", e.Section, e.Key, e.Reason)
}

// IsCorruption reports whether err comes from a damaged store.
func IsCorruption(err error) bool {
	var c *CorruptionError
	return errors.As(err, &c)
}

// ForeignError says that a file is not a store of this program, or of a version that it can't read.
type ForeignError struct {
	Path   string
	Reason string
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s is not a weir store that this version can open: %s; choose another store.path, or move the file away",
		e.Path, e.Reason)
}

// ErrLocked is returned by Open when another process holds the file.
var ErrLocked = errors.New("the store is in use by another process; stop it, or choose another store.path")

func corrupt(section string, key []byte, format string, args ...any) error {
	return &CorruptionError{Section: section, Key: append([]byte(nil), key...), Reason: fmt.Sprintf(format, args...)}
}
