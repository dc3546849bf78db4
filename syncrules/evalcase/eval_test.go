package evalcase

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestEvalRefusesBadCases(t *testing.T) {
	for _, input := range []string{
		"", "[]", `{"config": 1}`, `{"config":"bucket_definitions: {}","source_rows":[{"row":[1]}]}`,
		`{"config":"bucket_definitions: {}","source_rows":[{"row":{"a":true}}]}`,
		`{"config":"bucket_definitions: {}","source_rows":[{"row":{"a":{"$pg":{"type":"x[]"}}}}]}`,
	} {
		if out, err := Eval([]byte(input)); err == nil {
			t.Errorf("%s: got %s, want an error", input, out)
		}
	}
}

func TestEvalKeepsNumbers(t *testing.T) {
	out, err := Eval([]byte(`{"config":"bucket_definitions:\n  g:\n    data: [SELECT * FROM t]\n",
		"source_rows":[{"schema":"public","table":"t","row":{"id":"1","big":9007199254740993,"real":2.0}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var result Result
	if err := json.Unmarshal(out, &result); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(string(result.Rows[0].Buckets[0].Data)), "")
	if want := `{"big":9007199254740993,"id":"1","real":2.0}`; got != want {
		t.Errorf("data: got %s, want %s", got, want)
	}
}

// FuzzEval: no case makes the evaluator panic.
func FuzzEval(f *testing.F) {
	f.Add([]byte(`{"config":"bucket_definitions:\n  g:\n    parameters: SELECT request.user_id() AS u\n    data: [SELECT * FROM t WHERE u = bucket.u]\n",
		"source_rows":[{"schema":"public","table":"t","row":{"id":"1","u":"x","a":{"$pg":{"type":"text[]","text":["a",null]}},"b":{"$blob":"00"}}}],
		"requests":[{"jwt":{"sub":"x"},"subscriptions":[{"stream":"s","parameters":{}}]}]}`))
	f.Fuzz(func(_ *testing.T, input []byte) { _, _ = Eval(input) })
}
