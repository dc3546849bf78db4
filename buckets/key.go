package buckets

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/weirsync/weir/storage"
)

// keyMax is the longest row key that is stored as it is; longer ones are hashed. bbolt takes 32 KiB, its pages like less.
const keyMax = 400

var errNoKey = errors.New("a change came without its key columns")

// rowKey appends the key of the row to b: from row, or from old where row does not have the column (a key longer than 2 kB can be
// unchanged TOAST itself; Postgres sends it in the old tuple then).
func (bd *binding) rowKey(b []byte, row, old Tuple) ([]byte, error) {
	if bd.bag {
		return bd.bagKey(b, row)
	}
	start := len(b)
	if len(bd.key) == 1 {
		v, err := bd.keyValue(bd.key[0], row, old)
		if err != nil {
			return nil, err
		}
		return shorten(storage.AppendSingleKey(b, v), start), nil
	}
	b = append(b, storage.KeyMulti)
	for _, col := range bd.key {
		v, err := bd.keyValue(col, row, old)
		if err != nil {
			return nil, err
		}
		b = append(binary.AppendUvarint(b, uint64(len(v))), v...)
	}
	return shorten(b, start), nil
}

// bagKey appends the key of a row of a table without one.
func (bd *binding) bagKey(b []byte, row Tuple) ([]byte, error) {
	start := len(b)
	b = append(b, storage.KeyBag)
	for i, v := range row {
		switch {
		case IsUnchanged(v):
			return nil, bd.noKey(i)
		case v == nil:
			b = append(b, 0)
		default:
			b = append(binary.AppendUvarint(b, uint64(len(v))+1), v...)
		}
	}
	return shorten(b, start), nil
}

// shorten hashes the key that begins at start, if it is long.
func shorten(b []byte, start int) []byte {
	if len(b)-start <= keyMax {
		return b
	}
	h := sha256.Sum256(b[start:])
	return append(append(b[:start], storage.KeyHashed), h[:]...)
}

func (bd *binding) keyValue(col int, row, old Tuple) ([]byte, error) {
	if col < len(row) && row[col] != nil && !IsUnchanged(row[col]) {
		return row[col], nil
	}
	if col < len(old) && old[col] != nil && !IsUnchanged(old[col]) {
		return old[col], nil
	}
	return nil, bd.noKey(col)
}

func (bd *binding) noKey(col int) error {
	return fmt.Errorf("table %s.%s: %w (%s)", bd.rel.Schema, bd.rel.Name, errNoKey, bd.rel.Columns[col].Name)
}

// subkey appends the text that tells source rows apart for clients: short plain keys as they are, others hashed. It is the same
// for the same row of a tracked table for ever.
func (t *table) subkey(b, key []byte) []byte {
	b = append(b, t.prefix...)
	switch {
	case key[0] == storage.KeyUUID:
		return storage.AppendKeyText(append(b, '='), key)
	case key[0] == storage.KeySingle && len(key) <= 64 && plainText(key[1:]):
		return append(append(b, '='), key[1:]...)
	}
	h := sha256.Sum256(key)
	return base64.RawURLEncoding.AppendEncode(b, h[:16])
}

func plainText(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// lookupMax is the longest lookup that is stored as it is: it is part of keys, and bbolt refuses those above 32 KiB.
const lookupMax = 1 << 10

// lookupOf is a lookup as it is stored and asked for: a long one by its hash.
func lookupOf(lookup []byte) []byte {
	if len(lookup) <= lookupMax {
		return lookup
	}
	h := sha256.Sum256(lookup)
	return append([]byte("sha256:"), h[:]...)
}

// rowHash tells the rows apart that share a parameter lookup.
func rowHash(t TableID, key []byte) uint64 {
	h := sha256.New()
	var id [4]byte
	binary.BigEndian.PutUint32(id[:], uint32(t))
	h.Write(id[:])
	h.Write(key)
	return binary.BigEndian.Uint64(h.Sum(nil))
}
