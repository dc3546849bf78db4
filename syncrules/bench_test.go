package syncrules

import (
	"fmt"
	"strings"
	"testing"
)

var benchRelation = table("todos", "id", "uuid", "list_id", "uuid", "title", "text", "done", "bool", "position", "int4",
	"created_at", "timestamptz", "meta", "jsonb", "weight", "float8")

var benchRow = row("0e6b9f3a-3c6f-4a3e-9d36-3b0f4b0b8a11", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "Write the benchmark, then \"read\" it",
	"f", "42", "2024-05-06 07:08:09.123456+00", `{"state": "open", "owner": {"id": "u1"}}`, "1.5")

// BenchmarkEval measures rows. star is the common case: SELECT * with one parameter has at most two allocations a row.
func BenchmarkEval(b *testing.B) {
	for name, query := range map[string]string{
		"star": "SELECT * FROM todos WHERE list_id = bucket.x",
		"filter": "SELECT id, title FROM todos WHERE list_id = bucket.x AND done = false AND position > 10 AND title IS NOT NULL " +
			"AND meta ->> 'state' = 'open' AND meta ->> '$.owner.id' = 'u1'",
	} {
		b.Run(name, func(b *testing.B) {
			p := mustCompile(b, "bucket_definitions:\n  g:\n    parameters: SELECT request.jwt() ->> 'x' AS x\n    data:\n      - \""+query+"\"\n")
			t := p.Definitions()[0].Bind(benchRelation)
			var out Result
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				t.Eval(benchRow, &out)
			}
			if len(out.Rows) != 1 {
				b.Fatalf("rows: got %d, want 1 (%v)", len(out.Rows), out.Errors)
			}
		})
	}
}

func TestStarAllocatesLittle(t *testing.T) {
	p := mustCompile(t, "bucket_definitions:\n  g:\n    parameters: SELECT request.user_id() AS x\n    data:\n      - SELECT * FROM todos WHERE list_id = bucket.x\n")
	table := p.Definitions()[0].Bind(benchRelation)
	var out Result
	allocs := testing.AllocsPerRun(100, func() {
		out.Reset()
		table.Eval(benchRow, &out)
	})
	if allocs > 2 {
		t.Errorf("allocations of SELECT * with one parameter: got %v a row, want at most 2", allocs)
	}
}

// bigRules is a text of 200 definitions.
func bigRules() []byte {
	var b strings.Builder
	b.WriteString("bucket_definitions:\n")
	for i := range 200 {
		fmt.Fprintf(&b, "  d%d:\n    parameters: SELECT id AS x FROM lists%d WHERE owner = request.user_id() AND NOT archived\n    data:\n", i, i)
		fmt.Fprintf(&b, "      - SELECT * FROM todos WHERE list_id = bucket.x\n      - SELECT id, upper(name) AS name FROM lists WHERE id = bucket.x AND qty > 3\n")
	}
	return []byte(b.String())
}

func BenchmarkCompile200(b *testing.B) {
	text := bigRules()
	b.ReportAllocs()
	for b.Loop() {
		if p, found := Compile(text, CompileOptions{}); p == nil {
			b.Fatal(found.Render("rules.yaml", text))
		}
	}
}
