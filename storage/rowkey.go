package storage

import "bytes"

// Forms of a row key, its first byte.
const (
	KeySingle byte = 1 // the text of the only key column
	KeyMulti  byte = 2 // each column as varint length, text
	KeyHashed byte = 3 // SHA-256 of one of the others
	KeyBag    byte = 4 // there is no key: all columns, each as varint length + 1, text; 0 is NULL
	KeyUUID   byte = 5 // the only key column, a UUID as Postgres writes it: 16 bytes, which makes a row state a third shorter
)

// AppendSingleKey appends the row key of a table with one key column.
func AppendSingleKey(b, text []byte) []byte {
	if id, ok := packUUID(text); ok {
		return append(append(b, KeyUUID), id[:]...)
	}
	return append(append(b, KeySingle), text...)
}

// KeyText is the text of a row's only key column, nil if the key does not tell it. It may point into key.
func KeyText(key []byte) []byte {
	if len(key) > 0 && key[0] == KeySingle {
		return key[1:]
	}
	return AppendKeyText(nil, key)
}

// AppendKeyText appends KeyText(key).
func AppendKeyText(b, key []byte) []byte {
	switch {
	case len(key) == 17 && key[0] == KeyUUID:
		return unpackUUID(b, key[1:])
	case len(key) > 0 && key[0] == KeySingle:
		return append(b, key[1:]...)
	}
	return b
}

// isKeyText reports whether text is KeyText(key).
func isKeyText(key, text []byte) bool {
	switch {
	case len(key) == 17 && key[0] == KeyUUID:
		id, ok := packUUID(text)
		return ok && bytes.Equal(key[1:], id[:])
	case len(key) > 0 && key[0] == KeySingle:
		return bytes.Equal(key[1:], text)
	}
	return false
}
