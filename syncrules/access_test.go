package syncrules

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// store keeps what rows evaluate to, as a server would.
type store struct {
	tb      testing.TB
	program *Program
	params  map[string][][]byte
	rows    map[string][]string // ids by bucket
}

func newStore(tb testing.TB, text string) *store {
	return &store{tb, mustCompile(tb, text), map[string][][]byte{}, map[string][]string{}}
}

func (s *store) add(rel *Relation, r Row) {
	s.tb.Helper()
	for _, d := range s.program.Definitions() {
		out := evaluate(s.tb, d, rel, r)
		for _, e := range out.Errors {
			s.tb.Errorf("evaluate row: %v", e.Err)
		}
		for _, p := range out.Params {
			key := d.Name + "\x00" + string(p.Lookup)
			s.params[key] = append(s.params[key], p.Values)
		}
		for _, b := range out.Rows {
			key := d.Name + "\x00" + string(b.Bucket)
			s.rows[key] = append(s.rows[key], b.Table+":"+string(b.ID))
		}
	}
}

func (s *store) resolve(req *Request) *Resolution {
	s.tb.Helper()
	r, err := s.program.NewResolver(req)
	if err != nil {
		s.tb.Fatal(err)
	}
	out, err := r.Resolve(func(d *Definition, lookup []byte) ([][]byte, error) {
		return s.params[d.Name+"\x00"+string(lookup)], nil
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	return out
}

// sees is what a client with these claims gets, sorted.
func (s *store) sees(claims string) []string {
	s.tb.Helper()
	got := []string{}
	for _, b := range s.resolve(&Request{Claims: json.RawMessage(claims)}).Buckets {
		got = append(got, s.rows[b.Definition.Name+"\x00"+b.Name]...)
	}
	slices.Sort(got)
	return slices.Compact(got)
}

func legacy(parameters, data string) string {
	return "bucket_definitions:\n  g:\n    parameters: \"" + parameters + "\"\n    data:\n      - \"" + data + "\"\n"
}

func stream(query string) string {
	return "config: {edition: 3}\nstreams:\n  s:\n    auto_subscribe: true\n    query: \"" + query + "\"\n"
}

var accessTable = table("t", "id", "text", "a", "text", "b", "text", "n", "int8", "list", "json")

func TestEveryComparisonCounts(t *testing.T) {
	rows := []Row{row("both", "u1", "u1", "1", "NULL"), row("first", "u1", "u2", "1", "NULL"), row("second", "u2", "u1", "1", "NULL")}
	for name, text := range map[string]string{
		"data":    legacy("SELECT request.user_id() AS x", "SELECT * FROM t WHERE a = bucket.x AND b = bucket.x"),
		"request": legacy("SELECT id FROM t WHERE a = request.user_id() AND b = request.user_id()", "SELECT * FROM t WHERE id = bucket.id"),
		"stream":  stream("SELECT * FROM t WHERE a = auth.user_id() AND b = auth.user_id()"),
	} {
		s := newStore(t, text)
		for _, r := range rows {
			s.add(accessTable, r)
		}
		if diff := cmp.Diff([]string{"t:both"}, s.sees(`{"sub":"u1"}`)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestNullMatchesNothing(t *testing.T) {
	rows := []Row{row("1", "NULL", "x", "NULL", `[null, "u1"]`), row("2", "u1", "x", "1", "NULL")}
	for name, text := range map[string]string{
		"column":          legacy("SELECT request.user_id() AS x", "SELECT * FROM t WHERE a = bucket.x"),
		"element":         legacy("SELECT request.user_id() AS x", "SELECT * FROM t WHERE bucket.x IN list"),
		"lookup":          legacy("SELECT id FROM t WHERE a = request.user_id()", "SELECT * FROM t WHERE id = bucket.id"),
		"lookup element":  legacy("SELECT id FROM t WHERE request.user_id() IN list", "SELECT * FROM t WHERE id = bucket.id"),
		"output":          legacy("SELECT a FROM t", "SELECT * FROM t WHERE a = bucket.a AND n = 0"),
		"stream":          stream("SELECT * FROM t WHERE a = auth.user_id()"),
		"stream element":  stream("SELECT * FROM t WHERE auth.user_id() IN list"),
		"stream subquery": stream("SELECT * FROM t WHERE id IN (SELECT id FROM t WHERE a = auth.user_id())"),
		"edition 2":       strings.Replace(stream("SELECT * FROM t WHERE a IN (SELECT a FROM t WHERE n = auth.user_id())"), "3", "2", 1),
	} {
		s := newStore(t, text)
		for _, r := range rows {
			s.add(accessTable, r)
		}
		for _, claims := range []string{`{}`, `{"sub":null}`} {
			if got := s.sees(claims); len(got) > 0 {
				t.Errorf("%s: a client with claims %s sees %v, want nothing", name, claims, got)
			}
		}
	}
}

func TestParametersGoByName(t *testing.T) {
	s := newStore(t, `bucket_definitions:
  g:
    parameters:
      - SELECT request.user_id() AS a, request.jwt() ->> 'o' AS b
      - SELECT request.jwt() ->> 'o2' AS b, request.user_id() AS a
    data:
      - SELECT * FROM t WHERE a = bucket.a AND b = bucket.b
`)
	s.add(accessTable, row("1", "u1", "o1", "1", "NULL"))
	s.add(accessTable, row("2", "u1", "o2", "1", "NULL"))
	s.add(accessTable, row("3", "o2", "u1", "1", "NULL"))
	if diff := cmp.Diff([]string{"t:1", "t:2"}, s.sees(`{"sub":"u1","o":"o1","o2":"o2"}`)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestStreamBranches: variants of OR, gates and joins give exactly the rows that the SQL gives.
func TestStreamBranches(t *testing.T) {
	member := table("m", "t_id", "text", "u", "text", "role", "text")
	for _, c := range []struct {
		query, claims string
		want          []string
	}{
		{"SELECT t.* FROM t, m WHERE t.id = m.t_id AND m.u = auth.user_id() AND m.role = auth.parameter('role')", `{"sub":"u1","role":"r1"}`, []string{"t:1"}},
		{"SELECT t.* FROM t, m WHERE t.id = m.t_id AND m.u = auth.user_id() AND m.role = t.b", `{"sub":"u1"}`, []string{"t:2"}},
		{"SELECT * FROM t WHERE a = auth.user_id() OR (auth.parameter('admin') AND n > 1)", `{"sub":"u1"}`, []string{"t:1"}},
		{"SELECT * FROM t WHERE a = auth.user_id() OR (auth.parameter('admin') AND n > 1)", `{"sub":"u1","admin":true}`, []string{"t:1", "t:2"}},
		{"SELECT * FROM t WHERE 'r1' IN (SELECT role FROM m WHERE u = auth.user_id())", `{"sub":"u1"}`, []string{"t:1", "t:2"}},
		{"SELECT * FROM t WHERE 'r1' IN (SELECT role FROM m WHERE u = auth.user_id())", `{"sub":"u2"}`, []string{}},
		{"SELECT * FROM t WHERE 'nobody' IN (SELECT role FROM m)", `{"sub":"u1"}`, []string{}},
		{"SELECT t.* FROM t, m WHERE m.role = 'r1'", `{"sub":"u9"}`, []string{"t:1", "t:2"}},
		{"SELECT t.* FROM t, m WHERE m.role = 'none'", `{"sub":"u9"}`, []string{}},
		{"SELECT * FROM t WHERE NOT (a != auth.user_id())", `{"sub":"u1"}`, []string{"t:1"}},
		{"SELECT * FROM t WHERE list && auth.parameter('tags')", `{"tags":["x","z"]}`, []string{"t:1"}},
		{"SELECT * FROM t WHERE id IN auth.parameter('ids') AND b IN auth.parameter('bs')", `{"ids":["1","2"],"bs":["y","r2"]}`, []string{"t:2"}},
	} {
		s := newStore(t, stream(c.query))
		s.add(accessTable, row("1", "u1", "x", "1", `["x","y"]`))
		s.add(accessTable, row("2", "u2", "r2", "2", `["y"]`))
		s.add(member, row("1", "u1", "r1"))
		s.add(member, row("2", "u1", "r2"))
		s.add(member, row("2", "u2", "r2"))
		if diff := cmp.Diff(c.want, s.sees(c.claims)); diff != "" {
			t.Errorf("%s for %s: -want +got:\n%s", c.query, c.claims, diff)
		}
	}
}
