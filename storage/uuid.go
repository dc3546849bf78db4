package storage

import "encoding/hex"

const (
	uuidText = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"

	// uuidDigits are the places of its bytes.
	uuidDigits = "\x00\x02\x04\x06\x09\x0b\x0e\x10\x13\x15\x18\x1a\x1c\x1e\x20\x22"
)

// hexDigits has the value of each lower case digit, and 255 for everything else.
var hexDigits = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range "0123456789abcdef" {
		t[c] = byte(i)
	}
	return t
}()

// packUUID returns the 16 bytes of a UUID. ok is false for any text but the one that Postgres writes: unpackUUID gives the same text.
func packUUID(text []byte) (id [16]byte, ok bool) {
	if len(text) != len(uuidText) || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, false
	}
	bad := byte(0)
	for i := range id {
		at := uuidDigits[i]
		high, low := hexDigits[text[at]], hexDigits[text[at+1]]
		id[i] = high<<4 | low
		bad |= high | low
	}
	return id, bad < 16
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
