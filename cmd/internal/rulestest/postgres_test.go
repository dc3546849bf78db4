package rulestest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weirsync/weir/replicator/pgtest"
	"github.com/weirsync/weir/syncrules/evalcase"
)

var seedFlag = flag.Uint64("seed", 0, "seed of random tests, 0: a new one")

func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: repeat with -seed=%d", seed, seed)
	return rand.New(rand.NewPCG(seed, 0))
}

const (
	oracleRounds      = 12
	oracleExpressions = 120 // of a round
	oracleRows        = 12
)

// TestAgainstPostgres: random expressions mean in rules what they mean in Postgres, as filters and as values, over rows
// that Postgres itself prints.
func TestAgainstPostgres(t *testing.T) {
	d := pgtest.New(t)
	r := random(t)
	d.Exec(`CREATE TABLE t (id int PRIMARY KEY, a int8 NOT NULL, b int4 NOT NULL, n int8, x text COLLATE "C" NOT NULL, y text COLLATE "C" NOT NULL,
		o text COLLATE "C", f float8 NOT NULL, q bool NOT NULL, j jsonb NOT NULL)`)
	for round := range oracleRounds {
		d.Exec("TRUNCATE t")
		for id := range oracleRows {
			insertRow(d, r, id)
		}
		g := &generator{Rand: r, streams: round%2 == 0}
		var filters, values []pair
		for range oracleExpressions {
			filters = append(filters, g.boolean(4, true))
			g.selecting = true
			values = append(values, g.value(3))
			g.selecting = false
		}
		compareRound(t, d, g, filters, values)
	}
}

func insertRow(d *pgtest.Database, r *rand.Rand, id int) {
	null := func(v any) any {
		if r.IntN(3) == 0 {
			return nil
		}
		return v
	}
	object, _ := json.Marshal(map[string]any{"s": text(r), "n": r.IntN(7) - 3, "l": []int{1, 2, 3}[:r.IntN(4)], "é": text(r)})
	d.Exec("INSERT INTO t VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)", id, r.IntN(9)-4, r.IntN(9)-4, null(r.IntN(5)-2),
		text(r), text(r), null(text(r)), float64(r.IntN(9)-4)/2, r.IntN(2) == 0, string(object))
}

var words = []string{"", "a", "A", "ab", "b", "é", "É", "1", "12", "-7", "it's", `"`, `\`, "aé", "zz top"}

func text(r *rand.Rand) string { return words[r.IntN(len(words))] }

// pair is an expression as rules have it and as Postgres does.
type pair struct{ weir, pg string }

func same(s string) pair { return pair{s, s} }

// generator makes expressions whose meaning is the same. Nullable values stand only where NULL and false are alike: as
// operands of AND and OR of a filter, since the language has no third truth value for NOT.
type generator struct {
	*rand.Rand
	streams   bool
	selecting bool // streams read lists in JSON text in filters only
}

func (g *generator) of(format string, args ...pair) pair {
	weir, pg := make([]any, len(args)), make([]any, len(args))
	for i, a := range args {
		weir[i], pg[i] = a.weir, a.pg
	}
	return pair{fmt.Sprintf(format, weir...), fmt.Sprintf(format, pg...)}
}

func (g *generator) pick(options ...string) string { return options[g.IntN(len(options))] }

func (g *generator) integer(depth int) pair {
	if depth == 0 {
		return g.of("%s", same(g.pick("a", "b", "1", "0", "3", "a", "b")))
	}
	switch g.IntN(8) {
	case 0, 1, 2:
		return g.of("(%s "+g.pick("+", "-", "*")+" %s)", g.integer(depth-1), g.integer(depth-1))
	case 3: // a division by zero fails in Postgres
		return g.of("(%s / "+g.pick("2", "3", "7")+")", g.integer(depth-1))
	case 4:
		return g.of("length(%s)", g.text(depth-1))
	case 5:
		s, part := g.text(depth-1), g.text(0)
		return pair{fmt.Sprintf("instr(%s, %s)", s.weir, part.weir), fmt.Sprintf("strpos(%s, %s)", s.pg, part.pg)}
	case 6:
		if g.streams {
			return g.of("CASE WHEN %s THEN %s ELSE %s END", g.boolean(depth-1, false), g.integer(depth-1), g.integer(depth-1))
		}
		c, x, y := g.boolean(depth-1, false), g.integer(depth-1), g.integer(depth-1)
		return pair{fmt.Sprintf("iif(%s, %s, %s)", c.weir, x.weir, y.weir), fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", c.pg, x.pg, y.pg)}
	default:
		return g.pickPair(pair{"json_array_length(j, 'l')", "jsonb_array_length(j -> 'l')"}, pair{"ifnull(n, 5)", "coalesce(n, 5)"},
			pair{"CAST(j ->> 'n' AS integer)", "(j ->> 'n')::int"})
	}
}

func (g *generator) pickPair(options ...pair) pair { return options[g.IntN(len(options))] }

func (g *generator) text(depth int) pair {
	if depth == 0 {
		return same(g.pick("x", "y", "'a'", "'é'", "''", "'it''s'", "(j ->> 's')", "(j ->> 'é')"))
	}
	switch g.IntN(6) {
	case 0:
		return g.of("(%s || %s)", g.text(depth-1), g.text(depth-1))
	case 1:
		n := g.integer(depth - 1)
		return pair{"CAST(" + n.weir + " AS TEXT)", "(" + n.pg + ")::text"}
	case 2:
		s := g.text(depth - 1)
		f := g.pick("upper", "lower") // Postgres by ICU, as collation C knows ASCII only
		return pair{f + "(" + s.weir + ")", f + "((" + s.pg + `) COLLATE "und-x-icu") COLLATE "C"`}
	case 3:
		return g.of("substring(%s, "+g.pick("1", "2", "3")+", "+g.pick("0", "1", "2", "9")+")", g.text(depth-1))
	case 4:
		return pair{"ifnull(o, 'none')", "coalesce(o, 'none')"}
	default:
		s := g.text(depth - 1)
		return pair{"hex(" + s.weir + ")", "upper(encode(convert_to(" + s.pg + ", 'UTF8'), 'hex'))"}
	}
}

// boolean is a condition. With nullable it may be NULL, which a filter takes for false.
func (g *generator) boolean(depth int, nullable bool) pair {
	if depth > 0 && g.IntN(2) == 0 {
		switch g.IntN(3) {
		case 0:
			return g.of("NOT (%s)", g.boolean(depth-1, false))
		case 1:
			return g.of("(%s AND %s)", g.boolean(depth-1, nullable), g.boolean(depth-1, nullable))
		default:
			return g.of("(%s OR %s)", g.boolean(depth-1, nullable), g.boolean(depth-1, nullable))
		}
	}
	compare := "(%s " + g.pick("=", "<", ">", "<=", ">=", "<>") + " %s)"
	depth = max(depth-1, 0)
	switch n := g.IntN(10); {
	case n < 2:
		return g.of(compare, g.integer(min(depth, 2)), g.integer(min(depth, 2)))
	case n < 4:
		return g.of(compare, g.text(min(depth, 2)), g.text(min(depth, 2)))
	case n == 4:
		return g.of(compare, g.pickPair(same("f"), same("1.5"), same("a")), g.pickPair(same("f"), same("0.5"), same("(f * 2)"), same("(a + f)")))
	case n == 5:
		return g.of("(%s)", g.pickPair(same("q"), pair{"q = 1", "q"}, pair{"q = false", "NOT q"}, same("q = true")))
	case n == 6:
		return same("(" + g.pick("n", "o", "j ->> 'missing'", "a", "f") + g.pick(" IS NULL", " IS NOT NULL") + ")")
	case n == 7 && nullable:
		if !g.streams {
			return g.of("(%s "+g.pick("=", "<", ">=", "<>")+" %s)", same(g.pick("n", "(n + 1)")), g.integer(1))
		}
		return g.of("(%s "+g.pick("=", "<", ">=")+" %s)", same(g.pick("n", "(n + 1)")), g.integer(1))
	case n == 8 && (!g.streams || !g.selecting):
		return g.inList()
	case g.streams:
		return g.of("(%s "+g.pick("BETWEEN", "NOT BETWEEN")+" %s AND %s)", g.integer(1), g.integer(0), g.integer(0))
	}
	return same("(1 = 1)")
}

func (g *generator) inList() pair {
	var items, literals []string
	if g.IntN(2) == 0 {
		for range g.IntN(3) + 1 {
			items = append(items, fmt.Sprint(g.IntN(7)-3))
		}
		x := g.integer(1)
		return pair{fmt.Sprintf("(%s IN '[%s]')", x.weir, strings.Join(items, ",")), fmt.Sprintf("(%s IN (%s))", x.pg, strings.Join(items, ","))}
	}
	for range g.IntN(3) + 1 {
		word := text(g.Rand)
		item, _ := json.Marshal(word)
		items = append(items, strings.ReplaceAll(string(item), "'", "''"))
		literals = append(literals, "'"+strings.ReplaceAll(word, "'", "''")+"'")
	}
	x := g.text(1)
	if g.streams && g.IntN(2) == 0 {
		return pair{fmt.Sprintf("(%s IN ARRAY[%s])", x.weir, strings.Join(literals, ",")), fmt.Sprintf("(%s IN (%s))", x.pg, strings.Join(literals, ","))}
	}
	return pair{fmt.Sprintf("(%s IN '[%s]')", x.weir, strings.Join(items, ",")), fmt.Sprintf("(%s IN (%s))", x.pg, strings.Join(literals, ","))}
}

// value is an expression whose text is the same.
func (g *generator) value(depth int) pair {
	switch g.IntN(3) {
	case 0:
		return g.integer(depth)
	case 1:
		return g.text(depth)
	}
	b := g.boolean(depth, false)
	return pair{b.weir, "(" + b.pg + ")::int"}
}

// compareRound evaluates all filters and values over the rows of t, in rules and in Postgres.
func compareRound(t *testing.T, d *pgtest.Database, g *generator, filters, values []pair) {
	t.Helper()
	got := evalRound(t, d, g, filters, values)
	matches := 0
	for i := range filters {
		id := fmt.Sprintf("f%d", i)
		query := "SELECT id::text, (" + values[i].pg + ")::text FROM t WHERE " + filters[i].pg
		want := map[string]string{}
		for _, row := range d.Query(query) {
			want[row[0]] = row[1]
		}
		matches += len(want)
		for row, v := range want {
			if have, ok := got[id][row]; !ok || have != v {
				t.Errorf("row %s: got %q (there: %t), want %q\nrules:    SELECT %s WHERE %s\nPostgres: %s", row, have, ok, v, values[i].weir, filters[i].weir, query)
			}
		}
		for row, v := range got[id] {
			if _, ok := want[row]; !ok {
				t.Errorf("row %s: got %q, want no such row\nrules:    SELECT %s WHERE %s\nPostgres: %s", row, v, values[i].weir, filters[i].weir, query)
			}
		}
	}
	if all := len(filters) * oracleRows; matches < all/5 || matches > all*4/5 {
		t.Errorf("%d of %d rows match: such filters tell little", matches, all)
	}
}

// evalRound returns the value for each row, by filter.
func evalRound(t *testing.T, d *pgtest.Database, g *generator, filters, values []pair) map[string]map[string]string {
	t.Helper()
	var rules strings.Builder
	rules.WriteString("config: {edition: 1, fixed_json_extract: true}\nbucket_definitions:\n")
	if g.streams {
		rules.Reset()
		rules.WriteString("config: {edition: 3}\nstreams:\n")
	}
	for i := range filters {
		query := fmt.Sprintf("SELECT id, %s AS v FROM t AS f%d WHERE %s", values[i].weir, i, filters[i].weir)
		if quoted, _ := json.Marshal(query); g.streams {
			fmt.Fprintf(&rules, "  f%d: {auto_subscribe: true, query: %s}\n", i, quoted)
		} else {
			fmt.Fprintf(&rules, "  f%d: {data: [%s]}\n", i, quoted)
		}
	}
	c := evalcase.Case{Config: rules.String(), SourceRows: sourceRows(t, d)}
	result, err := evalcase.Run(&c)
	if err != nil {
		t.Fatal(err)
	}
	if !result.Valid {
		for _, fault := range result.Errors {
			if fault.Type == "fatal" {
				t.Errorf("%s: %s", fault.Message, fault.Source)
			}
		}
		t.FailNow()
	}
	out := map[string]map[string]string{}
	for _, row := range result.Rows {
		for _, fault := range row.Errors {
			t.Errorf("row fails: %s", fault)
		}
		for _, b := range row.Buckets {
			if out[b.Table] == nil {
				out[b.Table] = map[string]string{}
			}
			out[b.Table][b.ID] = shown(t, b.Data)
		}
	}
	return out
}

// sourceRows are the rows of t with the texts that Postgres prints.
func sourceRows(t *testing.T, d *pgtest.Database) []evalcase.SourceRow {
	t.Helper()
	columns := [][2]string{
		{"id", "int4"},
		{"a", "int8"},
		{"b", "int4"},
		{"n", "int8"},
		{"x", "text"},
		{"y", "text"},
		{"o", "text"},
		{"f", "float8"},
		{"q", "bool"},
		{"j", "jsonb"},
	}
	var out []evalcase.SourceRow
	for _, line := range d.Query("SELECT jsonb_build_array(id::text,a::text,b::text,n::text,x,y,o,f::text,CASE WHEN q THEN 't' ELSE 'f' END,j::text) FROM t") {
		var texts []*string
		if err := json.Unmarshal([]byte(line[0]), &texts); err != nil {
			t.Fatal(err)
		}
		row := map[string]any{}
		for i, c := range columns {
			row[c[0]] = map[string]any{"$pg": map[string]any{"type": c[1], "text": texts[i]}}
		}
		raw, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, evalcase.SourceRow{Schema: "public", Table: "t", Row: raw})
	}
	return out
}

// shown is the column v as Postgres casts it to text.
func shown(t *testing.T, data []byte) string {
	t.Helper()
	var row struct{ V any }
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&row); err != nil {
		t.Fatal(err)
	}
	if row.V == nil {
		return "NULL"
	}
	return fmt.Sprint(row.V)
}
