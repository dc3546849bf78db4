package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/clients/syncclient"
	"github.com/weirsync/weir/replicator/pgtest"
)

const typeSchema = `
CREATE TYPE mood AS ENUM ('ok', 'so so');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN labels AS text[];
CREATE TYPE pair AS (n int, t text, at timestamptz);
CREATE TYPE nest AS (p pair, list positive[], b bytea);
CREATE TYPE spans AS RANGE (subtype = float8);`

// typeValues has for each type of the sync rules' specification, section 7, values whose form depends on settings, on escaping, on the
// type's output function, or on what the rules make of it.
var typeValues = []struct {
	typ    string
	values []string // in SQL
}{
	{"int2", []string{"-32768", "NULL"}},
	{"int4", []string{"2147483647"}},
	{"int8", []string{"9223372036854775807", "-9223372036854775808", "9007199254740993"}},
	{"oid", []string{"4294967295"}},
	{"float4", []string{"1.1", "'-Infinity'", "1e38"}},
	{"float8", []string{"0.1::float8 + 0.2", "'NaN'", "'Infinity'", "1e300", "-0.0", "5"}},
	{"bool", []string{"true", "false", "NULL"}},
	{"text", []string{`E'tab\t newline\n back\\slash "quote" \b\f\r\x0b \x01 \\N ünï 😀'`, "''", "NULL", "repeat(md5('long'), 400)"}},
	{"varchar(5)", []string{"'ab'"}},
	{"char(5)", []string{"'ab'"}},
	{`"char"`, []string{"'x'"}},
	{"name", []string{"'n'"}},
	{"uuid", []string{"'11111111-2222-3333-4444-555555555555'"}},
	{"mood", []string{"'so so'"}},
	{"inet", []string{"'10.0.0.1/8'", "'::1'"}},
	{"cidr", []string{"'10.0.0.0/8'"}},
	{"macaddr", []string{"'08:00:2b:01:02:03'"}},
	{"interval", []string{"'1 year -2 mons 3 days 04:05:06.7'"}},
	{"money", []string{"12.34"}},
	{"xml", []string{"'<a>\t</a>'"}},
	{"tsvector", []string{"'fat:1A cat'"}},
	{"bit(3)", []string{"'101'"}},
	{"varbit", []string{"'10101'"}},
	{"point", []string{"'(1.5,2)'"}},
	{"box", []string{"'(1,2),(3,4)'"}},
	{"regclass", []string{"'pg_class'"}},
	{"numeric", []string{"1234567890.1234567890", "'NaN'", "1e-20", "NULL"}},
	{"numeric(6,2)", []string{"3.1"}},
	{"json", []string{`'{"a" : [1, "\\t", 1e2]}'`, "'null'"}},
	{"jsonb", []string{`'{"b":1,"a":"\n"}'`, `'"text"'`}},
	{"bytea", []string{`'\x00ff5c0a'`, "''"}},
	{"date", []string{"'2024-05-06'", "'infinity'", "'-infinity'", "'0044-03-15 BC'"}},
	{"time", []string{"'07:08:09.5'", "'24:00:00'"}},
	{"timetz", []string{"'07:08:09+02'"}},
	{"timestamp", []string{"'2024-05-06 07:08:09.123456'", "'infinity'", "'-infinity'", "'0044-03-15 01:02:03 BC'", "'12024-05-06 07:08:09'"}},
	{"timestamptz", []string{"'2024-05-06 07:08:09.12+02'", "'infinity'", "'-infinity'", "'0044-03-15 01:02:03+00 BC'", "'12024-05-06 07:08:09+00'"}},
	{"pg_lsn", []string{"'16/B374D848'"}},
	{"int4[]", []string{"'{1,NULL,3}'", "'[2:3]={1,2}'", "'{}'", "'{{1,2},{3,4}}'", "NULL"}},
	{"bool[]", []string{"'{t,f,NULL}'"}},
	{"float8[]", []string{"'{2,0.1,NaN}'"}},
	{"numeric[]", []string{"'{2,0.10}'"}},
	{"text[]", []string{`ARRAY['a,b', '"', E'\\', NULL, '', 'NULL', ' x ']`}},
	{"json[]", []string{`ARRAY['{"a" : 1}'::json, 'null']`}},
	{"bytea[]", []string{`ARRAY['\x00ff'::bytea]`}},
	{"date[]", []string{"'{2024-05-06,infinity}'"}},
	{"time[]", []string{"'{07:08:09.5}'"}},
	{"timestamp[]", []string{"ARRAY['2024-05-06 07:08:09'::timestamp]"}},
	{"timestamptz[]", []string{"ARRAY['2024-05-06 07:08:09+02'::timestamptz, 'infinity']"}},
	{"pg_lsn[]", []string{"ARRAY['16/B374D848'::pg_lsn]"}},
	{"box[]", []string{"ARRAY['(1,2),(3,4)'::box, '(5,6),(7,8)']"}},
	{"positive", []string{"7", "NULL"}},
	{"labels", []string{"'{a,b}'"}},
	{"mood[]", []string{"ARRAY['ok'::mood, 'so so']"}},
	{"positive[]", []string{"ARRAY[7]::positive[]"}},
	{"labels[]", []string{`'{"{a,b}","{c}"}'`}},
	{"pair", []string{`ROW(1, E'x "y",\\', '2024-05-06 07:08:09+02')`, "ROW(NULL, NULL, NULL)", "ROW(1, '', NULL)", "NULL"}},
	{"pair[]", []string{"ARRAY[ROW(1, 'x', NULL)::pair, NULL]"}},
	{"nest", []string{`ROW(ROW(1, 'x', '2024-05-06 07:08:09+02')::pair, ARRAY[7]::positive[], '\x00ff')`}},
	{"int4range", []string{"'[1,5)'", "'empty'", "'(,5)'"}},
	{"numrange", []string{"'(1.50,2]'"}},
	{"daterange", []string{"'[2024-01-01,infinity)'"}},
	{"tsrange", []string{"'[2024-01-01 00:00,2024-01-02 00:00]'"}},
	{"tstzrange", []string{"'[2024-01-01 00:00+02,)'"}},
	{"spans", []string{"'[1.5,2.5]'"}},
	{"int4range[]", []string{"ARRAY['[1,5)'::int4range, 'empty']"}},
	{"int4multirange", []string{"'{[1,2),[5,7)}'", "'{}'"}},
	{"tstzmultirange", []string{"'{[2024-01-01 00:00+02,2024-01-02 00:00+02)}'"}},
	{"hstore", []string{`'"a b"=>"c\"d", e=>NULL'`}},
	{"citext", []string{"'MiXed'"}},
}

// typeTable makes a table of all types that the server has, and returns values for one row and those columns that clients get only in
// another form.
func typeTable(t *testing.T, db *pgtest.Database) (values string, blobs []string) {
	t.Helper()
	for _, setting := range []string{ // defaults of sessions must not matter
		"datestyle = 'SQL, DMY'", "intervalstyle = 'iso_8601'", "timezone = 'Asia/Tokyo'", "extra_float_digits = -3", "bytea_output = 'escape'",
	} {
		db.Exec("ALTER DATABASE " + db.Name + " SET " + setting)
	}
	db.Exec(typeSchema)
	ddl, n := "CREATE TABLE typed (id int PRIMARY KEY, n int", 0
	for _, tv := range typeValues {
		if tv.typ == "hstore" || tv.typ == "citext" {
			if db.Value("SELECT count(*) FROM pg_available_extensions WHERE name = $1", tv.typ) == "0" {
				t.Logf("the server has no %s", tv.typ)
				continue
			}
			db.Exec("CREATE EXTENSION " + tv.typ)
		}
		for _, v := range tv.values {
			column := fmt.Sprintf("c%d", n)
			ddl += fmt.Sprintf(", %s %s", column, tv.typ)
			values += ", " + v
			if tv.typ == "bytea" {
				blobs = append(blobs, column)
			}
			n++
		}
	}
	db.Exec(ddl + ")")
	return values, blobs
}

// TestSameValuesOnEveryPath: a client gets the same bytes for a row that a snapshot read, one that the stream inserted, and one that was
// read and then updated so that its long values stayed in TOAST.
func TestSameValuesOnEveryPath(t *testing.T) {
	for name, config := range map[string]string{
		"edition 1": "", "edition 2": "config: {edition: 2}\n", "milliseconds": "config: {edition: 2, timestamp_max_precision: milliseconds}\n",
	} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.New(t)
			values, blobs := typeTable(t, db)
			var query strings.Builder
			query.WriteString("SELECT *")
			for _, c := range blobs {
				fmt.Fprintf(&query, ", hex(%s) AS hex_%[1]s", c)
			}
			db.Exec(fmt.Sprintf("INSERT INTO typed VALUES (1, 0%[1]s), (2, 99%[1]s)", values))
			p := newProcess(t, db, config+"bucket_definitions:\n  all:\n    data:\n      - "+query.String()+" FROM typed\n")
			p.start()
			p.sync(func(c *syncclient.Client) bool { return len(c.Rows("typed")) == 2 })
			db.Exec(fmt.Sprintf("BEGIN; INSERT INTO typed VALUES (3, 0%s); UPDATE typed SET n = 0 WHERE id = 2; COMMIT", values))
			rows := p.sync(func(c *syncclient.Client) bool { return len(c.Rows("typed")) == 3 }).Rows("typed")
			got := map[string]string{}
			for _, r := range rows {
				_, rest, found := bytes.Cut(r.Data, []byte(","))
				if !found || !bytes.HasPrefix(r.Data, []byte(`{"id":`)) {
					t.Fatalf("row %s begins with another column: %.40s", r.ID, r.Data)
				}
				got[r.ID] = string(rest)
			}
			for _, id := range []string{"2", "3"} {
				if got[id] != got["1"] {
					t.Errorf("row 1 as read, row %s as streamed (-read +streamed):\n%s", id, cmp.Diff(fields(t, got["1"]), fields(t, got[id])))
				}
			}
			if n := len(fields(t, got["1"])); n < len(typeValues) {
				t.Errorf("the client has %d columns, want one at least for each of %d types", n, len(typeValues))
			}
			p.stop()
		})
	}
}

// fields takes a row without its first column apart into the bytes of each value.
func fields(t *testing.T, rest string) map[string]string {
	t.Helper()
	var row map[string]json.RawMessage
	if err := json.NewDecoder(strings.NewReader("{" + rest)).Decode(&row); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, value := range row {
		out[name] = string(value)
	}
	return out
}
