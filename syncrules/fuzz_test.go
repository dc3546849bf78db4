package syncrules

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"
)

// FuzzCompile: no text makes the front end panic or hang, a program is nil if and only if a fault is fatal, and every place
// is inside the text.
func FuzzCompile(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("bucket_definitions:\n  g:\n    data: [\"SELECT \\\"a\\tb\\\"\\\n  FROM t\"]\n"))
	f.Add([]byte("streams: {s: {query: 'SELECT ''x'' FROM t'}}\nconfig: {edition: 3}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, found := Compile(text, CompileOptions{Schema: &Schema{Tables: []Relation{*benchRelation}}})
		if (p == nil) != found.Fatal() {
			t.Errorf("program %v, but fatal is %v", p != nil, found.Fatal())
		}
		for _, d := range found {
			if d.Start.Offset > d.End.Offset || d.End.Offset > len(text) {
				t.Errorf("%q is at %+v to %+v of %d bytes", d.Message, d.Start, d.End, len(text))
			}
		}
		found.Render("rules.yaml", text)
		if p == nil {
			return
		}
		for _, d := range p.Definitions() {
			_ = d.Explain().String()
			evaluate(t, d, benchRelation, benchRow)
		}
	})
}

// fuzzRules use every function and operator on columns a, b and c.
const fuzzRules = `
config: {edition: 3}
streams:
  s:
    auto_subscribe: true
    queries:
      - SELECT id, upper(a) || lower(b) AS c1, length(a) + length(b) AS c2, substring(a, b, c) AS c3, instr(a, b) AS c4,
          hex(a) AS c5, base64(b) AS c6, typeof(a) AS c7, ifnull(a, b) AS c8, iif(a, b, c) AS c9 FROM t
      - SELECT id, uuid_blob(a) AS c1 FROM t AS t1
      - SELECT id, a ->> b AS c1, a -> b AS c2, json_extract(a, b) AS c3, json_array_length(a, b) AS c4, json_keys(a) AS c5 FROM t AS t2
      - SELECT id, unixepoch(a, b) AS c1, datetime(a, b, c) AS c2, unixepoch(a) AS c3, datetime(b) AS c4 FROM t AS t3
      - SELECT id, st_asgeojson(a) AS c1, st_astext(a) AS c2, st_x(a) AS c3, st_y(a) AS c4 FROM t AS t4
      - SELECT id, CAST(a AS integer) AS c1, CAST(a AS real) AS c2, CAST(a AS numeric) AS c3, CAST(a AS blob) AS c4, CAST(a AS text) AS c5,
          a + b AS c6, a - b AS c7, a * b AS c8, a / b AS c9, +a AS c10 FROM t AS t5
      - SELECT * FROM t AS t6 WHERE a = b AND a != c OR a < b OR a >= c OR NOT a OR b IS NULL OR a BETWEEN b AND c OR a IS TRUE
      - SELECT *, CASE a WHEN b THEN c ELSE a END AS c1 FROM t AS t7 WHERE a IN b OR a && b OR c NOT IN ARRAY['x', 1, NULL]
      - SELECT * FROM t AS t8 WHERE auth.user_id() IN a AND b = auth.parameter('x')
      - SELECT t9.* FROM t AS t9, json_each(a) AS e, json_each(e.value) AS f WHERE f.value = auth.user_id() AND f.key != t9.b
      - SELECT * FROM t AS t10 WHERE a IN (SELECT b FROM t WHERE c = auth.user_id())
`

// FuzzEval: evaluating any program on any row of any type never panics, and makes UTF-8 of whatever bytes.
func FuzzEval(f *testing.F) {
	for _, seed := range []string{
		"1", "a", `{"a":[1,{"b":null}]}`, "[1,[2,3]]", "2024-05-06 07:08:09+02", `\x0102`, "{1,NULL}", "[1,2)", "(1,)",
		"0101000000000000000000F83F00000000000004C0", "0/16B3748", "infinity", "NaN", "-9223372036854775808", "{[1,2)}", "1e400",
		"\xff", "{\"a\xc3\"}", "{\"\xff\":\"\x80\"}", "(\xfe,)", "[\xff,\xfe)", "2024-05-06 07:08:09\xff",
	} {
		f.Add([]byte(seed), []byte("$.a"), []byte("0"))
	}
	p := mustCompile(f, fuzzRules)
	types := []*Type{
		{Kind: TypeRange, Elem: &Type{Name: "int4", Kind: TypeBase}},
		{Kind: TypeEnum, Name: "mood"},
		{Kind: TypeComposite, Fields: []Field{{Name: "x", Type: &Type{Name: "int4", Kind: TypeBase}}, {Name: "y", Type: &Type{Name: "text", Kind: TypeBase}}}},
		{Kind: TypeMultirange, Elem: &Type{Kind: TypeRange, Elem: &Type{Name: "date", Kind: TypeBase}}},
		{Kind: TypeArray, Elem: &Type{Kind: TypeDomain, Elem: &Type{Name: "json", Kind: TypeBase}}, Delim: ','},
	}
	for _, name := range []string{"text", "int8", "float8", "bool", "bytea", "json", "date", "time", "timestamp", "timestamptz", "pg_lsn"} {
		base := &Type{Name: name, Kind: TypeBase}
		types = append(types, base, &Type{Kind: TypeArray, Elem: base, Delim: ','})
	}
	var tables []*Table
	for _, typ := range types {
		rel := &Relation{Schema: "public", Name: "t", Columns: []Column{{Name: "id", Type: types[1]}, {Name: "a", Type: typ}, {Name: "b", Type: typ}, {Name: "c", Type: typ}}}
		tables = append(tables, p.Definitions()[0].Bind(rel))
	}
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		var out Result
		for _, table := range tables {
			out.Reset()
			table.Eval(Row{[]byte("id"), a, b, bytes.Clone(c)}, &out)
			table.Eval(Row{nil, b, c, nil}, &out)
			table.Eval(nil, &out)
			for _, row := range out.Rows {
				if !utf8.Valid(row.Data) || !json.Valid(row.Data) {
					t.Errorf("%q is no valid text of JSON", row.Data)
				}
			}
		}
	})
}

// FuzzRequest: no request makes resolving panic.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"sub":"u1","x":[1,"a",null,{"b":2}]}`), []byte(`{"x":1}`), []byte(`["a"]`))
	p := mustCompile(f, fuzzRules)
	f.Fuzz(func(t *testing.T, claims, parameters, values []byte) {
		r, err := p.NewResolver(&Request{Claims: claims, Parameters: parameters, Subscriptions: []Subscription{{Stream: "s", Parameters: parameters}}})
		if err != nil {
			return
		}
		_, _ = r.Resolve(func(*Definition, []byte) ([][]byte, error) { return [][]byte{values, []byte(`["v"]`)}, nil })
	})
}
