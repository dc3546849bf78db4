package buckets

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// benchRows makes n rows like those of `make bench`: about 290 bytes each.
func benchRows(n int) []Tuple {
	rows := make([]Tuple, n)
	body := strings.Repeat("lorem ipsum dolor sit amet ", 8)[:200]
	for i := range rows {
		rows[i] = tuple(uuid.NewString(), fmt.Sprintf("o%d", i%1000), fmt.Sprintf("title number %d of the bench items", i), body)
	}
	return rows
}

var benchItems = relation(20000, "items", "id", "owner", "title", "body")

// BenchmarkSnapshot measures SaveChunk, rules and fsync included: the writer's share of an initial replication.
func BenchmarkSnapshot(b *testing.B) {
	for name, rules := range map[string]string{
		"global": "bucket_definitions:\n  all:\n    data: [SELECT * FROM items]\n", "owners": ownerRules,
	} {
		b.Run(name, func(b *testing.B) {
			h := newHarness(b)
			h.deploy(rules)
			h.plan(benchItems)
			tab := h.begin(benchItems)[0]
			const chunk = 25000
			b.ReportAllocs()
			rows := 0
			for b.Loop() {
				b.StopTimer()
				c := &Chunk{Table: tab.ID, Generation: tab.Generation, Relation: benchItems, Rows: benchRows(chunk), Bytes: 8 << 20}
				b.StartTimer()
				h.must(h.SaveChunk(h.ctx, c))
				rows += chunk
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// benchStore has n rows in buckets of 1,000 owners.
func benchStore(b *testing.B, n int) (*harness, []Tuple) {
	b.Helper()
	h, rows := newHarness(b), benchRows(n)
	h.deploy(ownerRules)
	h.plan(benchItems)
	h.snapshot(benchItems, rows...)
	return h, rows
}

// BenchmarkStream measures transactions of 100 updates each over 100,000 rows, queued as a backlog.
func BenchmarkStream(b *testing.B) {
	h, rows := benchStore(b, 100_000)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		changes := make([]Change, 100)
		for i := range changes {
			old := rows[n%len(rows)]
			changes[i] = Change{Op: Update, Relation: benchItems, New: Tuple{old[0], old[1], fmt.Append(nil, n), old[3]}}
			n++
		}
		h.pos += 8
		h.must(h.Apply(h.ctx, &Transaction{Source: "default", End: h.pos, Changes: changes, Bytes: 40_000}))
	}
	h.must(h.WaitDurable(h.ctx, "default", h.pos))
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkView measures what a session reads when it is woken by a commit: the state of its bucket in one view, the new op in another.
func BenchmarkView(b *testing.B) {
	h, rows := benchStore(b, 10_000)
	old := rows[7]
	h.stream(Change{Op: Update, Relation: benchItems, New: Tuple{old[0], old[1], []byte("new"), old[3]}})
	bucket := Bucket{FullName: h.bucketOf(string(old[1]))}
	b.ReportAllocs()
	for b.Loop() {
		h.must(h.View(func(v *View) error { return v.State(&bucket) }))
		h.must(h.View(func(v *View) error {
			_, _, err := v.Operations(bucket.FullName, bucket.Last-1, 0, v.Checkpoint(), func(*Operation) bool { return true })
			return err
		}))
	}
}
