package pgoutput

import "testing"

func BenchmarkParseRow(b *testing.B) {
	arena := make([][]byte, 64)
	d := &Decoder{Values: func(n int) [][]byte { return arena[:n] }, Unchanged: unchanged}
	data := []byte(build('U').u32(16385).
		tuple('K', "11111111-2222-3333-4444-555555555555", null, null, null).
		tuple('N', "11111111-2222-3333-4444-555555555556", "some text of a row", "2024-05-06 07:08:09.12+00", toasted))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.ParseRow(data); err != nil {
			b.Fatal(err)
		}
	}
}
