package replicator

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitCopy(t *testing.T) {
	for _, test := range []struct {
		line    string
		columns int
		want    []any // nil for NULL; no list: malformed
	}{
		{"1\n", 1, []any{"1"}},
		{"\n", 1, []any{""}},
		{"\n", 0, []any{}},
		{"1\t\\N\t\n", 3, []any{"1", nil, ""}},
		{"\\\\N\ta\\tb\\nc\\\\\\r\\b\\f\\v\n", 2, []any{`\N`, "a\tb\nc\\\r\b\f\v"}},
		{"\\\\x00ff\n", 1, []any{`\x00ff`}},
		{"ünï\t\\\\\n", 2, []any{"ünï", `\`}},
		{"", 1, nil},
		{"1", 1, nil},
		{"1\t2\n", 1, nil},
		{"1\n", 2, nil},
		{"x\n", 0, nil},
		{"a\\\n", 1, nil},
		{"a\\x41\n", 1, nil},
		{"a\\N\n", 1, nil},
		{"\\\t\n", 2, nil},
	} {
		values := make([][]byte, test.columns)
		err := splitCopy([]byte(test.line), values)
		if test.want == nil {
			if !errors.Is(err, errCopyFormat) {
				t.Errorf("%q: got %q, %v, want errCopyFormat", test.line, values, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", test.line, err)
			continue
		}
		got := []any{}
		for _, v := range values {
			if v == nil {
				got = append(got, nil)
			} else {
				got = append(got, string(v))
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.line, diff)
		}
	}
}

// FuzzSplitCopy: what is split can be put together again, and nothing panics or reaches over a field's end.
func FuzzSplitCopy(f *testing.F) {
	f.Add([]byte("1\t\\N\ta\\tb\\\\\n"), 3)
	f.Add([]byte("\n"), 1)
	f.Add([]byte("\\\\N\t\\b\\f\\n\\r\\t\\v\n"), 2)
	f.Add([]byte("a\\"), 1)
	f.Fuzz(func(t *testing.T, line []byte, columns int) {
		if columns < 0 || columns > 2000 {
			return
		}
		values := make([][]byte, columns)
		if splitCopy(append([]byte(nil), line...), values) != nil {
			return
		}
		for _, v := range values {
			_ = append(v, "overwritten"...) // must not touch the neighbours
		}
		if got := joinCopy(values); columns > 0 && !cmp.Equal(unraw(line), unraw(got)) {
			t.Fatalf("%q split into %q, which is %q", line, values, got)
		}
	})
}

// joinCopy is COPY's own encoding.
func joinCopy(values [][]byte) []byte {
	var out []byte
	for i, v := range values {
		if i > 0 {
			out = append(out, '\t')
		}
		if v == nil {
			out = append(out, '\\', 'N')
		}
		out = append(out, escapeCopy(v)...)
	}
	return append(out, '\n')
}

func escapeCopy(v []byte) []byte {
	letters := map[byte]byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '\v': 'v', '\\': '\\'}
	var out []byte
	for _, c := range v {
		if l := letters[c]; l != 0 {
			out = append(out, '\\', l)
		} else {
			out = append(out, c)
		}
	}
	return out
}

// unraw escapes control characters that stand for themselves: allowed in what is read, never written by joinCopy.
func unraw(line []byte) string {
	var out []byte
	for i, c := range line {
		switch {
		case c == '\t', c == '\\', c == '\n' && i == len(line)-1:
			out = append(out, c)
		default:
			out = append(out, escapeCopy([]byte{c})...)
		}
	}
	return string(out)
}

func BenchmarkChunkBuffer(b *testing.B) {
	line := []byte("(12,34)\t11111111-2222-3333-4444-555555555555\tsome text of a row\t2024-05-06 07:08:09.12+00\t\\N\t42\n")
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	buf := &chunkBuffer{columns: 5, limit: 1 << 62}
	for b.Loop() {
		if _, err := buf.Write(line); err != nil {
			b.Fatal(err)
		}
		if len(buf.rows) == 10000 {
			buf = &chunkBuffer{columns: 5, limit: 1 << 62}
		}
	}
}
