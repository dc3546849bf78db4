package syncrules

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// text shows a result, one line for each thing in it.
func (r *Result) text() string {
	var b strings.Builder
	for _, x := range r.Rows {
		fmt.Fprintf(&b, "%s %s %s %s\n", x.Bucket, x.Table, x.ID, x.Data)
	}
	for _, x := range r.Params {
		fmt.Fprintf(&b, "lookup %q %s\n", x.Lookup, x.Values)
	}
	for _, x := range r.Events {
		fmt.Fprintf(&b, "event %s %s\n", x.Event, x.Data)
	}
	for _, x := range r.Errors {
		fmt.Fprintf(&b, "error %s %s\n", x.Definition, x.Query)
	}
	return b.String()
}

func TestEvalOfOneDefinition(t *testing.T) {
	p := mustCompile(t, `bucket_definitions:
  g:
    parameters:
      - SELECT a AS x FROM t WHERE b = request.user_id() OR id = request.user_id()
    data:
      - SELECT * FROM t WHERE a = bucket.x OR b = bucket.x
      - SELECT id, list ->> '0' AS head FROM t AS heads WHERE a = bucket.x
`)
	for _, c := range []struct {
		row  Row
		want string
	}{
		{row("1", "p", "q", "5", `["h"]`), `g["p"] t 1 {"id":"1","a":"p","b":"q","n":5,"list":"[\"h\"]"}
g["q"] t 1 {"id":"1","a":"p","b":"q","n":5,"list":"[\"h\"]"}
g["p"] heads 1 {"id":"1","head":"h"}
lookup "\x00[\"q\"]" ["p"]
lookup "\x00[\"1\"]" ["p"]
`},
		{row("2", "p", "p", "NULL", "bad"), `g["p"] t 2 {"id":"2","a":"p","b":"p","n":null,"list":"bad"}
lookup "\x00[\"p\"]" ["p"]
lookup "\x00[\"2\"]" ["p"]
error g data[1]
`},
		{row("3", "NULL", "NULL", "1", "NULL"), `lookup "\x00[\"3\"]" [null]
`},
	} {
		if diff := cmp.Diff(c.want, evaluate(t, p.Definitions()[0], accessTable, c.row).text()); diff != "" {
			t.Errorf("row %s: -want +got:\n%s", c.row[0], diff)
		}
	}
	if p.Definitions()[0].Bind(table("other", "id", "text")) != nil {
		t.Error("a table that no query reads is bound")
	}
}

// TestResultsOutliveTheRow: results hold nothing of the row, and earlier ones survive later rows of the same Result.
func TestResultsOutliveTheRow(t *testing.T) {
	p := mustCompile(t, legacy("SELECT request.user_id() AS x", "SELECT *, upper(b) AS b FROM t WHERE a = bucket.x"))
	bound := p.Definitions()[0].Bind(accessTable)
	var out Result
	var want strings.Builder
	for i := range 50 {
		r := row(fmt.Sprint(i), "a"+fmt.Sprint(i), "b", "1", "[]")
		bound.Eval(r, &out)
		fmt.Fprintf(&want, "g[\"a%d\"] t %d {\"id\":\"%d\",\"a\":\"a%d\",\"b\":\"B\",\"n\":1,\"list\":\"[]\"}\n", i, i, i, i)
		for _, text := range r {
			clear(text)
		}
	}
	if diff := cmp.Diff(want.String(), out.text()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTableIsShared(t *testing.T) {
	p := mustCompile(t, fuzzRules)
	bound := p.Definitions()[0].Bind(table("t", "id", "text", "a", "text", "b", "text", "c", "text"))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			r := row(fmt.Sprint(i), fmt.Sprintf("[%d]", i), fmt.Sprint(i), "1")
			first, again := Result{}, Result{}
			bound.Eval(r, &first)
			for range 20 {
				again.Reset()
				bound.Eval(r, &again)
				if first.text() != again.text() {
					t.Errorf("row %d: got %s, then %s", i, first.text(), again.text())
				}
			}
		})
	}
	wg.Wait()
}

func TestTooManyCombinations(t *testing.T) {
	p := mustCompile(t, stream("SELECT t.* FROM t, json_each(t.a) AS x, json_each(t.b) AS y WHERE x.value = auth.user_id() AND y.value = auth.parameter('y')"))
	many := "[0" + strings.Repeat(",0", 999) + "]"
	out := evaluate(t, p.Definitions()[0], accessTable, row("1", many, many, "1", "[]"))
	if len(out.Errors) != 1 || len(out.Rows) != 0 {
		t.Errorf("got %d errors and %d rows, want one error", len(out.Errors), len(out.Rows))
	}
}
