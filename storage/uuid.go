package storage

import "encoding/hex"

const uuidText = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"

// packUUID returns the 16 bytes of a UUID. ok is false for any text but the one that Postgres writes: unpackUUID gives the same text.
func packUUID(text []byte) (id [16]byte, ok bool) {
	if len(text) != len(uuidText) {
		return id, false
	}
	n := 0
	for i, c := range text {
		if uuidText[i] == '-' {
			if c != '-' {
				return id, false
			}
			continue
		}
		var digit byte
		switch {
		case '0' <= c && c <= '9':
			digit = c - '0'
		case 'a' <= c && c <= 'f':
			digit = c - 'a' + 10
		default:
			return id, false
		}
		id[n/2] = id[n/2]<<4 | digit
		n++
	}
	return id, true
}

// unpackUUID appends the text of a UUID.
func unpackUUID(b, id []byte) []byte {
	for i, end := range [...]int{4, 6, 8, 10, 16} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, id[[...]int{0, 4, 6, 8, 10}[i]:end])
	}
	return b
}
