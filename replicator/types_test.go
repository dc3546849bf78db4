package replicator

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgtest"
	"github.com/weirsync/weir/syncrules"
)

// samples has values whose text depends on settings, on the type's output function or on escaping.
var samples = []struct{ typ, value string }{
	{"int2", "-32768"},
	{"int8", "9223372036854775807"},
	{"oid", "4294967295"},
	{"float4", "1.1"},
	{"float8", "0.1::float8 + 0.2"},
	{"float8", "'NaN'"},
	{"float8", "'-Infinity'"},
	{"numeric", "1234567890.1234567890"},
	{"numeric", "'NaN'"},
	{"numeric(6,2)", "3.1"},
	{"bool", "true"},
	{"text", `E'tab\t newline\n back\\slash \b\f\r\x0b \\N ünï 😀'`},
	{"text", "''"},
	{"text", "NULL"},
	{"varchar(5)", "'ab'"},
	{"char(5)", "'ab'"},
	{"\"char\"", "'x'"},
	{"name", "'n'"},
	{"bytea", `'\x00ff5c0a'`},
	{"uuid", "'11111111-2222-3333-4444-555555555555'"},
	{"json", `'{"a" : [1, "\\t"]}'`},
	{"jsonb", `'{"b":1,"a":"\n"}'`},
	{"date", "'infinity'"},
	{"date", "'0044-03-15 BC'"},
	{"time", "'07:08:09.5'"},
	{"timetz", "'07:08:09+02'"},
	{"timestamp", "'2024-05-06 07:08:09.123456'"},
	{"timestamptz", "'2024-05-06 07:08:09+02'"},
	{"timestamptz", "'-infinity'"},
	{"interval", "'1 year -2 mons 3 days 04:05:06.7'"},
	{"money", "12.34"},
	{"inet", "'10.0.0.1/8'"},
	{"macaddr", "'08:00:2b:01:02:03'"},
	{"bit(3)", "'101'"},
	{"varbit", "'10101'"},
	{"pg_lsn", "'16/B374D848'"},
	{"xml", "'<a>\t</a>'"},
	{"tsvector", "'fat cat'"},
	{"point", "'(1.5,2)'"},
	{"box", "'(1,2),(3,4)'"},
	{"int4[]", "'{1,NULL,3}'"},
	{"int4[]", "'[2:3]={1,2}'"},
	{"text[]", `ARRAY['a,b', '"', E'\\', NULL, '']`},
	{"text[][]", "'{{a,b},{c,d}}'"},
	{"box[]", "ARRAY['(1,2),(3,4)'::box, '(5,6),(7,8)']"},
	{"timestamptz[]", "ARRAY['2024-05-06 07:08:09+02'::timestamptz]"},
	{"bytea[]", `ARRAY['\x00ff'::bytea]`},
	{"int4range", "'[1,5)'"},
	{"tstzrange", "'[2024-01-01 00:00+02,)'"},
	{"int4multirange", "'{[1,2),[5,7)}'"},
	{"regclass", "'pg_class'"},
	{"public.mood", "'so so'"},
	{"public.mood[]", "ARRAY['ok'::public.mood, 'so so']"},
	{"public.positive", "7"},
	{"public.positive[]", "ARRAY[7]::public.positive[]"},
	{"public.pair", `ROW(1, E'x "y",\\', '2024-05-06 07:08:09+02')`},
	{"public.pair[]", "ARRAY[ROW(1, 'x', NULL)::public.pair]"},
	{"public.spans", "'[1.5,2.5]'"},
}

const typesDDL = `
CREATE TYPE mood AS ENUM ('ok', 'so so');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (n int, t text, at timestamptz);
CREATE TYPE spans AS RANGE (subtype = float8);
CREATE TABLE typed (id int PRIMARY KEY`

func typedTable(d *pgtest.Database) (insert string) {
	ddl, insert := typesDDL, ""
	for i, s := range samples {
		ddl += fmt.Sprintf(", c%d %s", i, s.typ)
		insert += ", " + s.value
	}
	d.Exec(ddl + ")")
	return insert
}

// follow starts the stream of a source without a store, and returns a function that returns the next transaction with changes.
func follow(t *testing.T, s *Source) func() *buckets.Transaction {
	t.Helper()
	conn, err := s.cfg.connectReplication(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	l := &link{conn: conn, gate: newGate()}
	t.Cleanup(l.close)
	if l.start, err = s.createSlot(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if err := startReplication(t.Context(), l, s.cfg.Slot, s.cfg.Publication); err != nil {
		t.Fatal(err)
	}
	asm := newAssembler(s.cfg.Name, s.reg, stageMax)
	return func() *buckets.Transaction {
		t.Helper()
		for {
			msg, err := conn.ReceiveMessage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			data, ok := msg.(*pgproto3.CopyData)
			if !ok {
				t.Fatalf("got a %T", msg)
			}
			if data.Data[0] != pglogrepl.XLogDataByteID {
				continue
			}
			x, err := pglogrepl.ParseXLogData(data.Data[1:])
			if err != nil {
				t.Fatal(err)
			}
			tx, err := asm.add(x.WALData)
			if err != nil {
				t.Fatal(err)
			}
			if tx != nil && len(tx.Changes) > 0 {
				return tx
			}
		}
	}
}

func texts(tuple buckets.Tuple) []string {
	var out []string
	for _, v := range tuple {
		switch {
		case v == nil:
			out = append(out, "NULL")
		case buckets.IsUnchanged(v):
			out = append(out, "unchanged")
		default:
			out = append(out, "text "+string(v))
		}
	}
	return out
}

// TestValuesAreTheSameOnEveryPath: byte for byte the same by COPY, by the stream and by a re-read, whatever defaults the database
// gives to sessions.
func TestValuesAreTheSameOnEveryPath(t *testing.T) {
	d := pgtest.New(t)
	for _, setting := range []string{
		"datestyle = 'SQL, DMY'", "intervalstyle = 'iso_8601'", "timezone = 'Asia/Tokyo'", "extra_float_digits = -3",
		"bytea_output = 'escape'", "search_path = 'public'",
	} {
		d.Exec("ALTER DATABASE " + d.Name + " SET " + setting)
	}
	insert := typedTable(d)
	s := connected(t, newConfig(d))
	p := published(t, s, patterns("typed"))
	s.reg.replace(p.units, nil)
	next := follow(t, s)
	d.Exec("SET timezone = 'UTC'; INSERT INTO typed VALUES (1" + insert + ")")
	streamed := next().Changes[0]
	if streamed.Relation != p.units[0].rel {
		t.Errorf("the stream's relation is not the catalog's:\n%s", cmp.Diff(p.units[0].rel, streamed.Relation))
	}
	c, err := s.readChunk(t.Context(), p.units[0], &progress{}, wholeTable, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	reread, _, err := s.reread(t.Context(), p.units[0], []buckets.Tuple{streamed.New})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.rows) != 1 || len(reread) != 1 {
		t.Fatalf("got %d rows by COPY, %d by re-read, want 1 and 1", len(c.rows), len(reread))
	}
	want := texts(streamed.New)
	if diff := cmp.Diff(want, texts(c.rows[0])); diff != "" {
		t.Errorf("values (-stream +copy):\n%s", diff)
	}
	if diff := cmp.Diff(want, texts(reread[0])); diff != "" {
		t.Errorf("values (-stream +re-read):\n%s", diff)
	}
	if got := want[5]; got != "text 0.30000000000000004" {
		t.Errorf("sum of floats is %q: not all digits", got)
	}
}

// TestTypesAreResolved: down to what they are made of.
func TestTypesAreResolved(t *testing.T) {
	d := pgtest.New(t)
	typedTable(d)
	s := connected(t, newConfig(d))
	p := published(t, s, patterns("typed"))
	got := map[string]string{}
	for i, c := range p.units[0].rel.Columns[1:] {
		got[samples[i].typ] = describeType(c.Type)
	}
	want := map[string]string{
		"int8": "int8", "char(5)": "bpchar", "point": "point", "xml": "xml",
		"text[][]": "array(, text)", "box[]": "array(; box)",
		"int4range": "range(int4)", "int4multirange": "multirange(range(int4))",
		"public.mood": "enum mood", "public.mood[]": "array(, enum mood)",
		"public.positive": "domain(int4)", "public.positive[]": "array(, domain(int4))",
		"public.pair": "composite(n int4, t text, at timestamptz)", "public.spans": "range(float8)",
	}
	for typ, text := range want {
		if got[typ] != text {
			t.Errorf("type %s is %s, want %s", typ, got[typ], text)
		}
	}
}

func describeType(t *syncrules.Type) string {
	if t == nil {
		return "nothing"
	}
	switch t.Kind {
	case syncrules.TypeArray:
		return fmt.Sprintf("array(%c %s)", t.Delim, describeType(t.Elem))
	case syncrules.TypeEnum:
		return "enum " + t.Name
	case syncrules.TypeDomain:
		return "domain(" + describeType(t.Elem) + ")"
	case syncrules.TypeRange:
		return "range(" + describeType(t.Elem) + ")"
	case syncrules.TypeMultirange:
		return "multirange(" + describeType(t.Elem) + ")"
	case syncrules.TypeComposite:
		var text strings.Builder
		text.WriteString("composite(")
		for i, f := range t.Fields {
			if i > 0 {
				text.WriteString(", ")
			}
			text.WriteString(f.Name + " " + describeType(f.Type))
		}
		return text.String() + ")"
	default:
		return t.Name
	}
}
