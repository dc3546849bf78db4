package pgvalue

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/weirsync/weir/syncrules/value"
)

func base(name string) *Type { return &Type{Name: name, Kind: TypeBase} }

func arrayOf(t *Type, delim byte) *Type { return &Type{Kind: TypeArray, Elem: t, Delim: delim} }

func TestDecode(t *testing.T) {
	domain := &Type{Name: "positive", Kind: TypeDomain, Elem: base("int4")}
	enum := &Type{Name: "mood", Kind: TypeEnum}
	intRange := &Type{Kind: TypeRange, Elem: base("int4")}
	composite := &Type{Kind: TypeComposite, Fields: []Field{
		{Name: "a", Type: base("int4")}, {Name: "b", Type: base("text")}, {Name: "c", Type: arrayOf(base("bool"), ',')}, {Name: "d", Type: base("jsonb")},
	}}
	on := Options{ISO: true, Custom: true, Precision: 6}
	for _, c := range []struct {
		typ     *Type
		options Options
		text    string
		want    string
	}{
		{base("int8"), on, "9223372036854775807", "9223372036854775807"},
		{base("int8"), on, "12x", `"12x"`},
		{base("float8"), on, "3", "3.0"},
		{base("float8"), on, "NaN", "null"},
		{base("bool"), on, "t", "1"},
		{base("numeric"), on, "10.50", `"10.50"`},
		{base("jsonb"), on, `{"a": 1}`, `"{\"a\": 1}"`},
		{base("bpchar"), on, "a  ", `"a  "`},
		{base("pg_lsn"), on, "0/16B3748", `"00000000/016B3748"`},
		{base("date"), on, "-infinity", `"0000-01-01"`},
		{base("time"), on, "07:08:09.5", `"07:08:09.500000"`},
		{base("time"), Options{}, "07:08:09.5", `"07:08:09.5"`},
		{base("timetz"), on, "07:08:09+02", `"07:08:09+02"`},
		{base("timestamp"), Options{}, "2024-05-06 07:08:09", `"2024-05-06 07:08:09"`},
		{base("timestamp"), Options{}, "infinity", `"9999-12-31 23:59:59"`},
		{base("timestamp"), on, "2024-05-06 07:08:09", `"2024-05-06T07:08:09.000000"`},
		{base("timestamp"), Options{ISO: true, Precision: 3}, "2024-05-06 07:08:09.123999", `"2024-05-06T07:08:09.123"`},
		{base("timestamp"), Options{ISO: true}, "2024-05-06 07:08:09.9", `"2024-05-06T07:08:09"`},
		{base("timestamp"), on, "0044-03-15 00:00:00 BC", "null"},
		{base("timestamp"), on, "10000-01-01 00:00:00", `"10000-01-01T00:00:00.000000"`},
		{base("timestamptz"), Options{}, "2024-05-06 07:08:09.12+02", `"2024-05-06 05:08:09.12Z"`},
		{base("timestamptz"), on, "2024-01-01 00:30:00.5+05:30", `"2023-12-31T19:00:00.500000Z"`},
		{base("timestamptz"), on, "1890-01-01 00:00:00-00:01:15", `"1890-01-01T00:01:15.000000Z"`},
		{base("timestamptz"), on, "9999-12-31 23:00:00-02", "null"},
		{base("timestamptz"), on, "10000-01-01 00:30:00+02", `"9999-12-31T22:30:00.000000Z"`},
		{base("timestamptz"), on, "0001-01-01 00:00:00+02", "null"},
		{base("timestamptz"), on, "-infinity", `"0000-01-01T00:00:00.000000Z"`},
		{base("timestamptz"), on, "nonsense", `"nonsense"`},

		{arrayOf(base("text"), ','), Options{}, `{a,NULL,"NULL","q\"x",""}`, `"[\"a\",null,\"NULL\",\"q\\\"x\",\"\"]"`},
		{arrayOf(base("int4"), ','), Options{}, "[2:3]={1,2}", `"[1,2]"`},
		{arrayOf(base("int4"), ','), Options{}, "{{1,2},{3,NULL}}", `"[[1,2],[3,null]]"`},
		{arrayOf(base("float8"), ','), Options{}, "{2,0.5}", `"[2.0,0.5]"`},
		{arrayOf(base("bool"), ','), Options{}, "{t,f}", `"[1,0]"`},
		{arrayOf(base("numeric"), ','), Options{}, "{1.50}", `"[\"1.50\"]"`},
		{arrayOf(base("jsonb"), ','), Options{}, `{"{\"a\": 1}"}`, `"[{\"a\": 1}]"`},
		{arrayOf(base("bytea"), ','), Options{}, `{"\\x00"}`, `"[null]"`},
		{arrayOf(base("timestamptz"), ','), on, `{"2024-05-06 07:08:09+02"}`, `"[\"2024-05-06T05:08:09.000000Z\"]"`},
		{arrayOf(base("int4"), ','), Options{}, "{}", `"[]"`},
		{arrayOf(base("int4"), ','), Options{}, "{1,2", `"{1,2"`},
		{arrayOf(base("box"), ';'), on, "{(1,1),(0,0);(2,2),(1,1)}", `"[\"(1,1),(0,0)\",\"(2,2),(1,1)\"]"`},

		{domain, on, "5", "5"},
		{domain, Options{}, "5", `"5"`},
		{arrayOf(enum, ','), on, "{happy,NULL}", `"[\"happy\",null]"`},
		{arrayOf(enum, ','), Options{}, "{happy}", `"{happy}"`},
		{arrayOf(domain, ','), on, "{1,2}", `"[1,2]"`},
		{composite, on, `(1,"a ""b"", c","{t,f}","{""k"": 1}")`, `"{\"a\":1,\"b\":\"a \\\"b\\\", c\",\"c\":[1,0],\"d\":{\"k\": 1}}"`},
		{composite, on, `(,"",,)`, `"{\"a\":null,\"b\":\"\",\"c\":null,\"d\":null}"`},
		{composite, on, `(1)`, `"(1)"`},
		{composite, Options{}, `(1,a,,)`, `"(1,a,,)"`},
		{intRange, on, "[1,4)", `"{\"lower\":1,\"upper\":4,\"lower_exclusive\":0,\"upper_exclusive\":1}"`},
		{intRange, on, "(,4]", `"{\"lower\":null,\"upper\":4,\"lower_exclusive\":1,\"upper_exclusive\":0}"`},
		{intRange, on, "empty", `"\"empty\""`},
		{intRange, Options{}, "[1,4)", `"[1,4)"`},
		{
			&Type{Kind: TypeMultirange, Elem: intRange}, on, "{[1,2),[3,4)}",
			`"[{\"lower\":1,\"upper\":2,\"lower_exclusive\":0,\"upper_exclusive\":1},{\"lower\":3,\"upper\":4,\"lower_exclusive\":0,\"upper_exclusive\":1}]"`,
		},
	} {
		d := NewDecoder(c.typ, c.options)
		if got := string(d.Decode([]byte(c.text)).AppendJSON(nil)); got != c.want {
			t.Errorf("decode %s %q: got %s, want %s", c.typ.Name, c.text, got, c.want)
		}
		if got := string(d.AppendJSON(nil, []byte(c.text))); got != c.want {
			t.Errorf("encode %s %q: got %s, want %s", c.typ.Name, c.text, got, c.want)
		}
	}
}

func TestBytea(t *testing.T) {
	d := NewDecoder(base("bytea"), Options{})
	for text, want := range map[string]string{`\x00ff`: "\x00\xff", `a\000\\b`: "a\x00\\b", "": ""} {
		if got := d.Decode([]byte(text)); got.Kind() != value.Blob || string(got.Bytes()) != want {
			t.Errorf("%q: got %q, want %q", text, got.Bytes(), want)
		}
	}
}

// FuzzDecode: no text of any type makes decoding panic, and both ways to JSON agree.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"{1,{2}}", "(1,\"a\\\"\")", "[1,2)", "2024-05-06 07:08:09+02", "{[1,2)}", "[2:3]={1}", "-infinity", "1/2", "\xff", "{\xff}", "(\xfe,)", "{\"\xc3\":1}"} {
		f.Add([]byte(s))
	}
	var decoders []*Decoder
	for _, name := range []string{"int4", "float8", "bool", "json", "date", "time", "timestamp", "timestamptz", "pg_lsn", "text"} {
		b := base(name)
		for _, typ := range []*Type{
			b, arrayOf(b, ','),
			{Kind: TypeRange, Elem: b},
			{Kind: TypeMultirange, Elem: &Type{Kind: TypeRange, Elem: b}},
			{Kind: TypeComposite, Fields: []Field{{Name: "x", Type: b}, {Name: "y", Type: arrayOf(b, ';')}}},
		} {
			decoders = append(decoders, NewDecoder(typ, Options{ISO: true, Custom: true, Precision: 3}))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, d := range decoders {
			direct, decoded := d.AppendJSON(nil, text), d.Decode(text).AppendJSON(nil)
			if string(direct) != string(decoded) {
				t.Errorf("%q: encoded %s, decoded %s", text, direct, decoded)
			}
			if !json.Valid(direct) || !utf8.Valid(direct) {
				t.Errorf("%q: %q is not JSON", text, direct)
			}
		}
	})
}
