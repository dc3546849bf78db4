package value

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"
)

// call calls a function or operator.
func call(t *testing.T, name string, args ...Value) (Value, error) {
	t.Helper()
	fn := Operators[name]
	if fn == nil {
		fn = Functions[name]
	}
	if fn == nil || len(args) < fn.Min || len(args) > fn.Max {
		t.Fatalf("%s with %d arguments does not exist", name, len(args))
	}
	return fn.Call(args)
}

// v makes a value: nil, int, float64, string, or []byte for a BLOB.
func v(x any) Value {
	switch x := x.(type) {
	case int:
		return Int(int64(x))
	case float64:
		return Float(x)
	case string:
		return String(x)
	case []byte:
		return BlobOf(x)
	}
	return Value{}
}

// show writes a value so that types differ.
func show(x Value) string {
	if x.Kind() == Blob {
		return "x'" + hex.EncodeToString(x.Bytes()) + "'"
	}
	return string(x.AppendJSON(nil))
}

type args []any

func TestFunctions(t *testing.T) {
	blob := []byte{0xff, 0x00}
	object := `{"a":1,"n":null,"o":{"b":[1,2.50]},"x.y":3,"10":0,"2":0}`
	for _, c := range []struct {
		name string
		args args
		want string // "error" for one
	}{
		{"eq", args{1, 1.0}, "1"},
		{"eq", args{"1", 1}, "0"},
		{"eq", args{nil, 1}, "null"},
		{"eq", args{9007199254740993, 9007199254740992.0}, "0"},
		{"eq", args{blob, blob}, "error"},
		{"gt", args{blob, "zz"}, "1"},
		{"lt", args{9e99, ""}, "1"},
		{"lt", args{"\U0001F600", "\uFFFD"}, "1"}, // UTF-16 order
		{"lt", args{"é", "z"}, "0"},
		{"both", args{nil, 0}, "0"},
		{"either", args{nil, 0}, "0"},
		{"negate", args{nil}, "1"},
		{"both3", args{nil, 1}, "null"},
		{"either3", args{nil, 1}, "1"},
		{"negate3", args{nil}, "null"},
		{"negate", args{"12.5x"}, "0"},
		{"negate", args{"abc"}, "1"},
		{"negate", args{blob}, "1"},
		{"is", args{7, 1}, "0"},
		{"is", args{nil, nil}, "1"},
		{"between", args{2, 1, nil}, "null"},
		{"not_between", args{2, 1, 3}, "0"},
		{"in_array", args{"a", `["a"]`}, "1"},
		{"in_array", args{1, `[1.0]`}, "1"},
		{"in_array", args{1, `{"a":1}`}, "error"},
		{"in_array", args{nil, `[null]`}, "null"},
		{"in_json", args{1, `{"a":1}`}, "1"},
		{"in_json", args{1, 1}, "error"},
		{"overlap", args{`[1,null]`, `[null,2]`}, "0"},
		{"overlap", args{`[1,2]`, `[2]`}, "1"},
		{"add", args{1, 2}, "3"},
		{"add", args{math.MaxInt64, 1}, "9223372036854776000.0"},
		{"sub", args{"10", "4"}, "6"},
		{"add", args{"3.5abc", 1}, "4.5"},
		{"mul", args{1 << 40, 1 << 40}, "1.2089258196146292e+24"},
		{"div", args{-7, 2}, "-3"},
		{"div", args{7, 0}, "null"},
		{"div", args{math.MinInt64, -1}, "9223372036854776000.0"},
		{"div", args{7, 2.0}, "3.5"},
		{"mod", args{7, 2}, "error"},
		{"concat", args{"a", 2.0}, `"a2"`},
		{"concat", args{"a", nil}, "null"},
		{"cast_text", args{1e22}, `"1e+22"`},
		{"cast_text", args{1e-7}, `"1e-7"`},
		{"cast_integer", args{-2.9}, "-3"},
		{"cast_integer", args{" -12.9x"}, "-12"},
		{"cast_integer", args{math.Inf(1)}, "error"},
		{"cast_real", args{"x"}, "0.0"},
		{"cast_numeric", args{"12.0"}, "12.0"},
		{"cast_numeric", args{"1e3"}, "1000.0"},
		{"cast_numeric", args{"1e"}, "1"},
		{"cast_blob", args{"é"}, "x'c3a9'"},
		{"upper", args{"straße"}, `"STRASSE"`},
		{"lower", args{nil}, "null"},
		{"length", args{"a\U0001F600"}, "3"},
		{"length", args{blob}, "2"},
		{"substring", args{"Hello", 0}, `"Hello"`},
		{"substring", args{"Hello", 0, 2}, `"H"`},
		{"substring", args{"Hello", -2, 1}, `"l"`},
		{"substring", args{"Hello", 4, -2}, `"el"`},
		{"substring", args{"Hello", -9, 6}, `"He"`},
		{"substring", args{"Hello", 2, nil}, "null"},
		{"instr", args{"a\U0001F600b", "b"}, "4"},
		{"instr", args{blob, []byte{0}}, "2"},
		{"hex", args{nil}, `""`},
		{"base64", args{blob}, `"/wA="`},
		{"uuid_blob", args{"x"}, "error"},
		{"typeof", args{1.0}, `"real"`},
		{"iif", args{"x", 1, 2}, "2"},
		{"arrow_text", args{object, "a"}, "1"},
		{"arrow_text", args{object, "n"}, "null"},
		{"arrow_text_1", args{object, "n"}, `"null"`},
		{"arrow", args{object, "n"}, `"null"`},
		{"arrow_1", args{object, "n"}, "null"},
		{"arrow", args{object, "o"}, `"{\"b\":[1,2.5]}"`},
		{"arrow_text", args{object, "$.o.b.1"}, "2.5"},
		{"arrow_text", args{object, "o.b"}, "null"},
		{"arrow_text_1", args{object, "o.b.0"}, "1"},
		{"arrow_text", args{object, "x.y"}, "3"},
		{"arrow_text", args{`["ab"]`, "length"}, "1.0"},
		{"arrow_text", args{`"ab"`, "0"}, `"a"`},
		{"arrow_text", args{`[1]`, "01"}, "null"},
		{"arrow_text", args{`{"a":1,"a":1}`, "a"}, "1"},
		{"arrow_text", args{`{"a":1,"a":2}`, "a"}, "error"},
		{"arrow_text", args{`[1,]`, "0"}, "error"},
		{"arrow_text", args{`{"a":123456789012345678901234567890}`, "a"}, "1.2345678901234568e+29"},
		{"json_keys", args{object}, `"[\"2\",\"10\",\"a\",\"n\",\"o\",\"x.y\"]"`},
		{"json_keys", args{`[]`}, "error"},
		{"json_array_length", args{object, "$.o.b"}, "2"},
		{"json_array_length", args{object, "$.nope"}, "null"},
		{"json_valid", args{"{"}, "0"},
		{"unixepoch", args{"2024-02-29T12:30:45.678+02:00"}, "1709202645"},
		{"unixepoch", args{-1.5, "unixepoch"}, "-2"},
		{"unixepoch", args{"2024-02-29T12:30:45.678Z", "subsec"}, "1709209845.678"},
		{"unixepoch", args{2440587.5}, "0"},
		{"unixepoch", args{"2024-01-01", "start of day"}, "null"},
		{"datetime", args{"12:30"}, "null"},
		{"datetime", args{"2024-01-01 10:00+02"}, "null"},
		{"datetime", args{"0000-01-01 00:00:00Z"}, `"2000-01-01 00:00:00"`},
		{"datetime", args{"0000-01-01T00:00:00Z"}, `"0000-01-01 00:00:00"`},
		{"st_astext", args{"zz"}, "error"},
		{"st_astext", args{"0101000020E6100000000000000000F83F00000000000004C0"}, `"POINT(1.5 -2.5)"`},
		{"st_asgeojson", args{"010400000001000000" + "0101000000000000000000F03F0000000000000040"}, `"{\"type\":\"MultiPoint\",\"coordinates\":[[1.0,2.0]]}"`},
		{"st_astext", args{"0103000000010000000200000000000000000000000000000000000000000000000000F03F000000000000F03F"}, `"POLYGON((0 0,1 1))"`},
	} {
		values := make([]Value, len(c.args))
		for i, a := range c.args {
			values[i] = v(a)
		}
		got, err := call(t, c.name, values...)
		text := show(got)
		if err != nil {
			text = "error"
		}
		if text != c.want {
			t.Errorf("%s(%v): got %s (%v), want %s", c.name, c.args, text, err, c.want)
		}
	}
}

func TestErrorsDoNotQuoteValues(t *testing.T) {
	const secret = "secret"
	for name, fn := range Functions {
		values := make([]Value, fn.Min)
		for i := range values {
			values[i] = String(secret)
		}
		if _, err := call(t, name, values...); err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error %q quotes a value", name, err)
		}
	}
}

func TestKeys(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{show(Float(2)), "2.0"},
		{string(Float(2).AppendKey(nil)), "2"},
		{string(Float(1e21).AppendKey(nil)), "1e+21"},
		{string(String("ü\U0001F600\n\"\\\x01").AppendKey(nil)), "\"ü\U0001F600\\n\\\"\\\\\\u0001\""},
		{string(TextOf([]byte{0xff, 'a'}).AppendJSON(nil)), "\"\uFFFDa\""},
	} {
		if c.value != c.want {
			t.Errorf("got %s, want %s", c.value, c.want)
		}
	}
	for _, x := range []Value{{}, BlobOf(nil), Float(math.NaN()), Float(math.Inf(-1))} {
		if x.Matchable() {
			t.Errorf("%s can be a key", show(x))
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-0,1.50,1e5,"\u00e9\ud83d\ude00"],"1":null}`, `[[]]`, `"`, `{"a":1,"a":1}`, "1e999"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		j, err := ParseJSON(text)
		if err != nil {
			return
		}
		once := j.AppendText(nil)
		again, err := ParseJSON(once)
		if err != nil {
			t.Fatalf("%q becomes %q, which is no JSON: %v", text, once, err)
		}
		if twice := again.AppendText(nil); string(once) != string(twice) {
			t.Errorf("%q becomes %q and then %q", text, once, twice)
		}
	})
}
