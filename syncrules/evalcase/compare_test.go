package evalcase

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCases runs the cases in testdata, which say what the reference implementation does. Free is what an implementation may
// choose: bucket names and lookups of streams, and the wording and number of errors.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("cases: %v, %d files", err, len(files))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var cases []struct {
			Name           string
			Case, Expected json.RawMessage
		}
		if err := json.Unmarshal(text, &cases); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				got, err := Eval(c.Case)
				if err != nil {
					t.Fatal(err)
				}
				want := decode(t, c.Expected)
				kinds := streamNames(want)
				if diff := cmp.Diff(view(want, kinds), view(decode(t, got), kinds)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	}
}

// object is a decoded JSON object. Numbers are texts that keep INTEGER and REAL apart: i1, r1.
type object = map[string]any

func decode(t *testing.T, text []byte) object {
	t.Helper()
	var o object
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		t.Fatal(err)
	}
	return canonical(o).(object)
}

func canonical(v any) any {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			f, _ := strconv.ParseFloat(string(v), 64)
			return fmt.Sprint("r", f)
		}
		n, _ := new(big.Int).SetString(string(v), 10)
		return "i" + n.String()
	case []any:
		for i := range v {
			v[i] = canonical(v[i])
		}
	case object:
		for k := range v {
			v[k] = canonical(v[k])
		}
	}
	return v
}

func list(v any) []object {
	items, _ := v.([]any)
	out := make([]object, len(items))
	for i := range items {
		out[i], _ = items[i].(object)
	}
	return out
}

// set is the distinct items as sorted JSON texts, of the given fields or of all.
func set(items []object, fields ...string) []string {
	out := []string{}
	for _, item := range items {
		picked := item
		if len(fields) > 0 {
			picked = object{}
			for _, f := range fields {
				picked[f] = item[f]
			}
		}
		text, _ := json.Marshal(picked)
		out = append(out, string(text))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func streamNames(o object) []string {
	var names []string
	for _, d := range list(o["definitions"]) {
		if d["kind"] == "stream" {
			names = append(names, d["name"].(string))
		}
	}
	return names
}

var version = regexp.MustCompile(`^\d+#`)

// exact are the buckets whose names count: those of bucket definitions.
func exact(buckets []object, streams []string) []object {
	return slices.DeleteFunc(slices.Clone(buckets), func(b object) bool {
		name := version.ReplaceAllString(b["bucket"].(string), "")
		return slices.ContainsFunc(streams, func(s string) bool { return strings.HasPrefix(name, s+"|") })
	})
}

// view is what has to agree.
func view(o object, streams []string) object {
	out := object{"valid": o["valid"]}
	if o["valid"] != true {
		return out
	}
	warned := slices.ContainsFunc(list(o["errors"]), func(e object) bool { return e["type"] == "warning" })
	out["warned"], out["tables"] = warned, set(list(o["tables"]))
	var rows, requests []any
	for _, r := range list(o["rows"]) {
		buckets := list(r["buckets"])
		rows = append(rows, object{
			"buckets": set(exact(buckets, streams)), "outputs": set(buckets, "table", "id", "data"),
			"failed": len(list(r["errors"])) > 0, "events": set(list(r["events"])),
		})
	}
	for _, q := range list(o["requests"]) {
		thrown, _ := q["thrown"].(string)
		requests = append(requests, object{
			"refused": thrown != "", "failed": set(list(q["errors"]), "definition"),
			"buckets": set(exact(list(q["buckets"]), streams), "bucket", "priority"),
			"synced":  set(list(q["synced"]), "table", "id", "data", "priority"),
		})
	}
	out["rows"], out["requests"] = rows, requests
	return out
}
