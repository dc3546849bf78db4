package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// sample lines, each with the JSON that it must be.
var sample = []struct {
	name   string
	encode func(e *Encoder) []byte
	want   string
	line   Line
}{
	{
		name: "checkpoint",
		encode: func(e *Encoder) []byte {
			return e.Checkpoint(sampleCheckpoint())
		},
		want: `{"checkpoint":{"last_op_id":"9223372036854775807","write_checkpoint":"3","buckets":[` +
			`{"bucket":"1#by_owner[\"u1\"]","checksum":-892468320,"count":10,"priority":3,"subscriptions":[{"default":0},{"sub":1}]},` +
			`{"bucket":"big","checksum":1,"count":5000000000,"priority":0,"subscriptions":[]}],` +
			`"streams":[{"name":"by_owner","is_default":true,"errors":[]},` +
			`{"name":"s","is_default":false,"errors":[{"subscription":1,"message":"no"},{"subscription":"default","message":"x"}]}]}}`,
		line: Line{Checkpoint: sampleCheckpoint()},
	},
	{
		name:   "empty checkpoint",
		encode: func(e *Encoder) []byte { return e.Checkpoint(&Checkpoint{LastOp: 1}) },
		want:   `{"checkpoint":{"last_op_id":"1","buckets":[],"streams":[]}}`,
		line:   Line{Checkpoint: &Checkpoint{LastOp: 1}},
	},
	{
		name: "checkpoint_diff",
		encode: func(e *Encoder) []byte {
			return e.Diff(&Diff{LastOp: 12, WriteCheckpoint: 4, Removed: []string{"b", "c\n"}, Updated: []Bucket{{Name: "d", Priority: 1}}})
		},
		want: `{"checkpoint_diff":{"last_op_id":"12","write_checkpoint":"4","removed_buckets":["b","c\n"],` +
			`"updated_buckets":[{"bucket":"d","checksum":0,"count":0,"priority":1,"subscriptions":[]}]}}`,
		line: Line{Diff: &Diff{LastOp: 12, WriteCheckpoint: 4, Removed: []string{"b", "c\n"}, Updated: []Bucket{{Name: "d", Priority: 1}}}},
	},
	{
		name:   "checkpoint_complete",
		encode: func(e *Encoder) []byte { return e.Complete(12) },
		want:   `{"checkpoint_complete":{"last_op_id":"12"}}`,
		line:   Line{Complete: new(uint64(12))},
	},
	{
		name:   "partial_checkpoint_complete",
		encode: func(e *Encoder) []byte { return e.Partial(12, 0) },
		want:   `{"partial_checkpoint_complete":{"last_op_id":"12","priority":0}}`,
		line:   Line{Partial: &Partial{LastOp: 12}},
	},
	{
		name:   "token_expires_in",
		encode: func(e *Encoder) []byte { return e.ExpiresIn(3581) },
		want:   `{"token_expires_in":3581}`,
		line:   Line{ExpiresIn: new(3581)},
	},
	{
		name:   "data",
		encode: func(e *Encoder) []byte { return encodePage(e, samplePage()) },
		want: `{"data":{"bucket":"b","after":"6","data":[` +
			`{"op_id":"7","op":"PUT","object_type":"todos","object_id":"a\u0001é","subkey":"s","checksum":2766685619,"data":"{\"id\":\"a\\n\"}"},` +
			`{"op_id":"8","op":"REMOVE","object_type":"todos","object_id":"a","subkey":"s","checksum":222637849,"data":null},` +
			`{"op_id":"9","op":"MOVE","checksum":123},` +
			`{"op_id":"10","op":"CLEAR","checksum":4201080675}],"has_more":true,"next_after":"10"}}`,
		line: Line{Page: samplePage()},
	},
}

func sampleCheckpoint() *Checkpoint {
	return &Checkpoint{
		LastOp: 1<<63 - 1, WriteCheckpoint: 3,
		Buckets: []Bucket{
			{Name: `1#by_owner["u1"]`, Checksum: 3402498976, Count: 10, Priority: 3, Reasons: []Reason{{Default: true}, {Index: 1}}},
			{Name: "big", Checksum: 1, Count: 5e9},
		},
		Streams: []Stream{
			{Name: "by_owner", IsDefault: true},
			{Name: "s", Errors: []StreamError{{Subscription: 1, Message: "no"}, {Subscription: -1, Message: "x"}}},
		},
	}
}

func samplePage() *Page {
	return &Page{Bucket: "b", After: 6, HasMore: true, Next: 10, Ops: []Op{
		{ID: 7, Kind: Put, Checksum: 2766685619, Type: []byte("todos"), ObjectID: []byte("a\x01é"), Subkey: []byte("s"), Data: []byte(`{"id":"a\n"}`)},
		{ID: 8, Kind: Remove, Checksum: 222637849, Type: []byte("todos"), ObjectID: []byte("a"), Subkey: []byte("s")},
		{ID: 9, Kind: Move, Checksum: 123},
		{ID: 10, Kind: Clear, Checksum: 4201080675},
	}}
}

func encodePage(e *Encoder, p *Page) []byte {
	e.BeginPage(p.Bucket, p.After)
	for i := range p.Ops {
		e.Op(&p.Ops[i])
	}
	return e.EndPage(p.Next, p.HasMore)
}

func TestLinesInJSON(t *testing.T) {
	e := NewEncoder(JSON)
	for _, tt := range sample {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.encode(e)
			if diff := cmp.Diff(tt.want+"\n", string(got)); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
			line, err := DecodeJSON(got)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.line, line, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

// BSON lines are checked against the driver's decoder: the same values as in JSON, and none of them a double.
func TestLinesInBSON(t *testing.T) {
	e := NewEncoder(BSON)
	for _, tt := range sample {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.encode(e)
			if err := bson.Raw(got).Validate(); err != nil {
				t.Fatal(err)
			}
			var doc bson.M
			if err := bson.Unmarshal(got, &doc); err != nil {
				t.Fatal(err)
			}
			var want map[string]any
			if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(any(want), asJSON(t, doc)); diff != "" {
				t.Errorf("document (-want +got):\n%s", diff)
			}
			line, err := DecodeBSON(got)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.line, line, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

// asJSON turns what the driver decoded into what encoding/json would have. Checksums of operations are signed in BSON.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	switch v := v.(type) {
	case bson.D:
		m := map[string]any{}
		for _, el := range v {
			m[el.Key] = asJSON(t, el.Value)
		}
		if n, ok := m["checksum"].(float64); ok && m["op_id"] != nil {
			m["checksum"] = float64(uint32(int32(n)))
		}
		return m
	case bson.M:
		m := map[string]any{}
		for k, el := range v {
			m[k] = asJSON(t, el)
		}
		return m
	case bson.A:
		a := []any{}
		for _, el := range v {
			a = append(a, asJSON(t, el))
		}
		return a
	case int32:
		return float64(v)
	case int64:
		return float64(v)
	case float64:
		t.Errorf("double %v in a line", v)
	}
	return v
}

func TestNestedData(t *testing.T) {
	e := NewEncoder(NestedJSON)
	e.BeginPage("b", 0)
	e.Op(&Op{ID: 1, Kind: Put, Checksum: 5, Type: []byte("t"), ObjectID: []byte("1"), Subkey: []byte("s"), Data: []byte(`{"id":"1","n":12345678901234567890,"f":1.0}`)})
	e.Op(&Op{ID: 2, Kind: Remove, Checksum: 6, Type: []byte("t"), ObjectID: []byte("1"), Subkey: []byte("s")})
	want := `{"data":{"bucket":"b","after":"0","data":[` +
		`{"op_id":"1","op":"PUT","object_type":"t","object_id":"1","subkey":"s","checksum":5,"data":{"id":"1","n":12345678901234567890,"f":1.0}},` +
		`{"op_id":"2","op":"REMOVE","object_type":"t","object_id":"1","subkey":"s","checksum":6,"data":null}],"has_more":false,"next_after":"2"}}` + "\n"
	if diff := cmp.Diff(want, string(e.EndPage(2, false))); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

func TestInvalidUTF8IsReplaced(t *testing.T) {
	for _, f := range []Format{JSON, BSON} {
		e := NewEncoder(f)
		e.BeginPage("b", 0)
		e.Op(&Op{ID: 1, Kind: Put, Type: []byte("t"), ObjectID: []byte("a\xff"), Subkey: []byte("\xc3b"), Data: []byte("{}")})
		line := decode(t, f, e.EndPage(1, false))
		if got := string(line.Page.Ops[0].ObjectID) + string(line.Page.Ops[0].Subkey); got != "a\uFFFD\uFFFDb" {
			t.Errorf("format %d: got %q", f, got)
		}
	}
}

func decode(t testing.TB, f Format, line []byte) *Line {
	t.Helper()
	decode := DecodeJSON
	if f == BSON {
		decode = DecodeBSON
	}
	l, err := decode(line)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// What the native core refuses, the decoders refuse.
func TestRefusedLines(t *testing.T) {
	for _, line := range []string{
		``, `[]`, `{}`, `{"checkpoint"}`, `{"checkpoint":{}}`,
		`{"checkpoint":{"last_op_id":1,"buckets":[]}}`,
		`{"checkpoint":{"last_op_id":"1","buckets":[]},"x":1}`,
		`{"checkpoint":{"last_op_id":"1","buckets":[{"bucket":"b","checksum":4294967296}]}}`,
		`{"checkpoint":{"last_op_id":"1","buckets":[],"streams":[{"name":"s","is_default":true}]}}`,
		`{"checkpoint":{"last_op_id":"1","buckets":[],"write_checkpoint":1}}`,
		`{"checkpoint_diff":{"last_op_id":"1","removed_buckets":[]}}`,
		`{"checkpoint_complete":{}}`,
		`{"data":{"bucket":"b","data":[{"op_id":1,"op":"MOVE","checksum":1}]}}`,
		`{"data":{"bucket":"b","data":[{"op_id":"1","op":"NOPE","checksum":1}]}}`,
		`{"data":{"bucket":"b","data":[{"op_id":"1","op":"PUT","checksum":1,"data":{"id":"a"}}]}}`,
		`{"new_kind":{}`,
	} {
		if _, err := DecodeJSON([]byte(line)); err == nil {
			t.Errorf("accepted %s", line)
		}
		var doc bson.D
		if err := bson.UnmarshalExtJSON([]byte(line), false, &doc); err != nil {
			continue
		}
		raw, err := bson.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeBSON(raw); err == nil {
			t.Errorf("accepted as BSON %s", line)
		}
	}
	if _, err := DecodeJSON([]byte(`{"new_kind":{"a":[1]}}`)); err != nil {
		t.Errorf("an unknown kind of line must be skipped, got %v", err)
	}
}

func TestBSONRequestsBecomeJSON(t *testing.T) {
	doc, err := bson.Marshal(bson.D{
		{Key: "buckets", Value: bson.A{bson.D{{Key: "name", Value: "a\"b"}, {Key: "after", Value: "0"}}}},
		{Key: "whole", Value: 3.0},
		{Key: "half", Value: -0.5},
		{Key: "huge", Value: 1e300},
		{Key: "long", Value: int64(1) << 60},
		{Key: "int", Value: int32(-1)},
		{Key: "yes", Value: true},
		{Key: "none", Value: nil},
		{Key: "left_out", Value: bson.Undefined{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := AppendJSON(nil, doc)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"buckets":[{"name":"a\"b","after":"0"}],"whole":3,"half":-0.5,"huge":1e+300,"long":1152921504606846976,"int":-1,"yes":true,"none":null}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestBSONRequestLimits(t *testing.T) {
	deep := bson.D{}
	for range maxDepth + 1 {
		deep = bson.D{{Key: "d", Value: deep}}
	}
	for name, doc := range map[string]bson.D{
		"too deep": deep,
		"a date":   {{Key: "d", Value: bson.DateTime(1)}},
		"binary":   {{Key: "d", Value: bson.Binary{Data: []byte{1}}}},
		"a regexp": {{Key: "d", Value: bson.Regex{Pattern: "a"}}},
	} {
		raw, err := bson.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := AppendJSON(nil, raw); err == nil {
			t.Errorf("accepted %s", name)
		}
	}
}

func FuzzDecodeBSON(f *testing.F) {
	for _, tt := range sample {
		f.Add(bytes.Clone(tt.encode(NewEncoder(BSON))))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		line, err := DecodeBSON(doc)
		if err == nil && line.Page != nil {
			again := decode(t, BSON, encodePage(NewEncoder(BSON), line.Page))
			if len(again.Page.Ops) != len(line.Page.Ops) {
				t.Errorf("%d operations became %d", len(line.Page.Ops), len(again.Page.Ops))
			}
		}
		if text, err := AppendJSON(nil, doc); err == nil && !json.Valid(text) {
			t.Errorf("not JSON: %s", text)
		}
	})
}

func FuzzDecodeJSON(f *testing.F) {
	for _, tt := range sample {
		f.Add([]byte(tt.want))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := DecodeJSON(text); err == nil && !json.Valid(text) {
			t.Errorf("accepted %q", text)
		}
	})
}

// FuzzQuote checks strings against encoding/json.
func FuzzQuote(f *testing.F) {
	for n := range 140 { // at every place of a word and a part, with what differs from it by one
		f.Add(strings.Repeat("x", n) + "a\"#!\\][c\x00\x1f \u2028\x7fé\n\t\r" + strings.Repeat("\"", n%9))
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := NewEncoder(JSON)
		e.begin()
		text(e, "s", s)
		var got struct{ S string }
		if err := json.Unmarshal(e.finish(), &got); err != nil {
			t.Fatal(err)
		}
		if want := strings.ToValidUTF8(s, "\uFFFD"); got.S != want {
			t.Errorf("got %q, want %q", got.S, want)
		}
	})
}

// benchOps makes operations like those of `make bench`: half prose and half noise.
func benchOps() []Op {
	ops := make([]Op, 1000)
	for i := range ops {
		noise := fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, i)))
		ops[i] = Op{
			ID: 1<<60 + uint64(i), Kind: Put, Checksum: uint32(i) * 2654435761, Type: []byte("bench_items"),
			ObjectID: []byte(noise[:36]), Subkey: []byte(noise[36:52]),
			Data: fmt.Appendf(nil, `{"id":"%s","owner_id":%d,"title":"Item %d %s of the list","body":"Remember to call the supplier about the order; %s`+
				`; then see to the delivery, the invoice and the %s which %d of them still want","done":%d,"created_at":"2026-01-01 00:%02d:%02dZ"}`,
				noise[:36], i%1000, i, noise[40:60], noise[:32], noise[32:], i*7%1000, i%2, i/60%60, i%60),
		}
	}
	return ops
}

func BenchmarkPage(b *testing.B) {
	ops := benchOps()
	for name, f := range map[string]Format{"json": JSON, "bson": BSON} {
		b.Run(name, func(b *testing.B) {
			e := NewEncoder(f)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				e.BeginPage("b", 0)
				for i := range ops {
					e.Op(&ops[i])
				}
				n = len(e.EndPage(1, false))
			}
			b.SetBytes(int64(n))
		})
	}
}

func TestOperationsAreEncodedWithoutAllocation(t *testing.T) {
	p := samplePage()
	for _, f := range []Format{JSON, BSON} {
		e := NewEncoder(f)
		encodePage(e, p)
		if n := testing.AllocsPerRun(100, func() { encodePage(e, p) }); n > 0 {
			t.Errorf("format %d: %v allocations per page", f, n)
		}
	}
}

func TestDecimal(t *testing.T) {
	var d decimal
	for _, start := range []uint64{0, 8, 95, 1e18 - 20, math.MaxUint64 - 40} {
		n := start
		for _, step := range []uint64{0, 1, 0, 1, 9, 10, 3, 2, 7, ^uint64(0), 8, ^uint64(8)} { // the last is a step back
			n += step
			if got, want := string(d.set(n)), strconv.FormatUint(n, 10); got != want {
				t.Fatalf("after a step of %d got %s, want %s", int64(step), got, want)
			}
		}
	}
}
