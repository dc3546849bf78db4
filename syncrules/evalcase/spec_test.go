package evalcase

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// TestAccess: who gets which rows, as the rules' text says and no wider. A request's rows are table:id, then error if a stream
// failed; thrown if the whole request did.
func TestAccess(t *testing.T) {
	var cases []struct {
		Name  string
		Fatal bool
		Want  [][]string
		Case  Case
	}
	readJSON(t, "testdata/access.json", &cases)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			result, err := Run(&c.Case)
			if err != nil {
				t.Fatal(err)
			}
			if result.Valid == c.Fatal {
				t.Fatalf("valid: got %t\n%s%v", result.Valid, c.Case.Config, result.Errors)
			}
			var got [][]string
			for _, r := range result.Requests {
				got = append(got, syncedIDs(r))
			}
			if diff := cmp.Diff(c.Want, got); diff != "" && !c.Fatal {
				t.Errorf("%s-want +got:\n%s", c.Case.Config, diff)
			}
		})
	}
}

func syncedIDs(r RequestResult) []string {
	if r.Thrown != "" {
		return []string{"thrown"}
	}
	out := []string{}
	for _, row := range r.Synced {
		out = append(out, row.Table+":"+row.ID)
	}
	slices.Sort(out)
	if len(r.Errors) > 0 {
		out = append(out, "error")
	}
	return out
}

// TestExpressions: what expressions of each edition give over one row.
func TestExpressions(t *testing.T) {
	var items []struct {
		Row     json.RawMessage // of the first item: the row of all
		Edition int
		Expr    string
		Want    json.RawMessage
		Fails   string // rules or row
	}
	readJSON(t, "testdata/expressions.json", &items)
	for _, item := range items[1:] {
		query, _ := json.Marshal("SELECT id, " + item.Expr + " AS v FROM t")
		config := fmt.Sprintf("config: {edition: %d}\nbucket_definitions:\n  s:\n    data: [%s]\n", item.Edition, query)
		if item.Edition == 3 {
			config = fmt.Sprintf("config: {edition: 3}\nstreams:\n  s:\n    query: %s\n", query)
		}
		result, err := Run(&Case{Config: config, SourceRows: []SourceRow{{Schema: "public", Table: "t", Row: items[0].Row}}})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := outcome(t, result), expected(item.Fails, item.Want); got != want {
			t.Errorf("edition %d: %s: got %s, want %s", item.Edition, item.Expr, got, want)
		}
	}
}

func expected(fails string, want json.RawMessage) string {
	if fails != "" {
		return fails + " fails"
	}
	return text(want)
}

// outcome is the column v, or what failed.
func outcome(t *testing.T, r *Result) string {
	t.Helper()
	switch {
	case !r.Valid:
		return "rules fails"
	case len(r.Rows[0].Errors) > 0:
		return "row fails"
	}
	var data struct{ V json.RawMessage }
	if err := json.Unmarshal(r.Rows[0].Buckets[0].Data, &data); err != nil {
		t.Fatal(err)
	}
	return text(data.V)
}

// text shows a value so that INTEGER, REAL and TEXT differ, whatever the escapes.
func text(raw json.RawMessage) string {
	var s *string
	if json.Unmarshal(raw, &s) == nil {
		if s == nil {
			return "null"
		}
		return fmt.Sprintf("%q", *s)
	}
	return fmt.Sprint(canonical(json.Number(raw)))
}
