package storage

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"
)

// benchBlock makes a full block of rows like those of `make bench`: half prose and half noise.
func benchBlock() *Block {
	var b Block
	for i := 0; !b.Full(); i++ {
		id := fmt.Sprintf("%x", md5.Sum(fmt.Append(nil, i)))
		b.Add(&Op{
			ID: OpID(1<<60 + i), Kind: OpPut, Checksum: uint32(i) * 2654435761,
			Type: []byte("bench_items"), ObjectID: []byte(id), Subkey: []byte("a1b2c3d4e5f6a7b8"),
			Data: fmt.Appendf(nil, `{"id":"%s","owner_id":%d,"title":"Item %d %.24x","body":"Remember to call the supplier about the order; %x`+
				`; then see to the delivery, the invoice and the %x which %d of them still want","done":%d,"created_at":"2026-01-01T00:%02d:%02d.000000Z"}`,
				id, i%1000, i, "t"+id[:12], id[:16], id[16:], i*7%1000, i%2, i/60%60, i%60),
		})
	}
	return &b
}

func BenchmarkBlockEncode(b *testing.B) {
	block := benchBlock()
	b.SetBytes(int64(len(block.payload)))
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		size = len(block.Encode())
	}
	b.ReportMetric(float64(size)/float64(block.Count), "stored-B/row")
}

func BenchmarkBlockDecode(b *testing.B) {
	block := benchBlock()
	v := block.Encode()
	b.SetBytes(int64(len(block.payload)))
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		h, payload, err := decodeBlock(v, buf)
		if err != nil {
			b.Fatal(err)
		}
		buf = payload
		d, before := decoder{b: payload}, OpID(0)
		for range h.Count {
			var op Op
			if !op.next(&d, before) {
				b.Fatal("bad op")
			}
			before = op.ID
		}
	}
}

// BenchmarkMergeRuns measures the merge of 80 runs of 13,000 rows.
func BenchmarkMergeRuns(b *testing.B) {
	const runs, rows = 80, 13_000
	for b.Loop() {
		b.StopTimer()
		db, err := Open(filepath.Join(b.TempDir(), "w.db"), Counters{Op: 1})
		if err != nil {
			b.Fatal(err)
		}
		db.NoSync()
		for range runs {
			puts := make([]RowPut, rows)
			for i := range puts {
				id := uuid.New()
				key := AppendSingleKey(nil, []byte(id.String()))
				r := Row{Generation: 1, Placements: []Placement{{Bucket: 1, Type: 1, ObjectID: []byte(id.String())}}}
				puts[i] = RowPut{RowKey(nil, 1, key), AppendRow(nil, key, &r)}
			}
			slices.SortFunc(puts, func(x, y RowPut) int { return bytes.Compare(x.Key, y.Key) })
			if err := db.Update(func(tx *Tx) error { return tx.PutRows(1, puts) }); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		for more := true; more; {
			if err := db.Update(func(tx *Tx) (err error) { more, err = tx.MergeRuns(1, 20_000); return err }); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*runs*rows), "ns/row")
}
