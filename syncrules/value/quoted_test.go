package value

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// Bytes that need something done to them, at each place of texts of each length: eight bytes are looked at together.
func TestQuotedTextReadsBack(t *testing.T) {
	for length := range 40 {
		for at := range length {
			for c := range 256 {
				text := bytes.Repeat([]byte{'x'}, length)
				text[at] = byte(c)
				checkQuoted(t, text)
			}
		}
	}
}

func FuzzAppendQuoted(f *testing.F) {
	f.Add([]byte("12345\x0078\"\\\u00e9\u2028 \x7f\x80\xff and \U0001F600"))
	f.Fuzz(func(t *testing.T, text []byte) { checkQuoted(t, text) })
}

func checkQuoted(t *testing.T, text []byte) {
	t.Helper()
	quoted := AppendQuoted(nil, text)
	var got string
	if err := json.Unmarshal(quoted, &got); err != nil {
		t.Fatalf("%q becomes %s: %v", text, quoted, err)
	}
	if want := string([]rune(string(text))); got != want { // which has U+FFFD for bytes that are not UTF-8
		t.Fatalf("%q becomes %s, which is %q", text, quoted, got)
	}
	if short := strings.Count(string(quoted), `\`); utf8.Valid(text) && short > 0 && !bytes.ContainsAny(text, "\"\\\b\f\n\r\t") && !control(text) {
		t.Fatalf("%q has escapes that it does not need: %s", text, quoted)
	}
}

func control(text []byte) bool { return bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' }) }

// BenchmarkAppendQuoted quotes prose of 200 bytes.
func BenchmarkAppendQuoted(b *testing.B) {
	text := make([]byte, 200)
	for i := range text {
		text[i] = byte('a' + rand.IntN(26))
	}
	out := make([]byte, 0, 256)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		out = AppendQuoted(out[:0], text)
	}
}
