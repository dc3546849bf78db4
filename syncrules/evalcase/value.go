package evalcase

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/weirsync/weir/syncrules"
)

// relation makes a relation with exactly the columns of a row, and the row in Postgres' text form.
func (s SourceRow) relation() (*syncrules.Relation, syncrules.Row, error) {
	rel := &syncrules.Relation{Schema: s.Schema, Name: s.Table}
	var row syncrules.Row
	d := json.NewDecoder(bytes.NewReader(s.Row))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, nil, fmt.Errorf("read row of %s: it has to be an object", s.Table)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil, fmt.Errorf("read row: %w", err)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, nil, fmt.Errorf("read row: %w", err)
		}
		typ, text, err := column(raw)
		if err != nil {
			return nil, nil, fmt.Errorf("read column %v: %w", name, err)
		}
		rel.Columns = append(rel.Columns, syncrules.Column{Name: fmt.Sprint(name), Type: typ})
		row = append(row, text)
	}
	return rel, row, nil
}

// column is a value's type and text; nil is NULL.
func column(raw json.RawMessage) (*syncrules.Type, []byte, error) {
	switch raw[0] {
	case 'n':
		return typeNamed("text"), nil, nil
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return typeNamed("text"), []byte(s), err
	case '{':
		return wrapped(raw)
	case 't', 'f', '[':
		return nil, nil, fmt.Errorf("%s is no column value", raw)
	}
	if bytes.ContainsAny(raw, ".eE") {
		return typeNamed("float8"), raw, nil
	}
	return typeNamed("int8"), raw, nil
}

// wrapped reads {"$blob": hex} and {"$pg": {type, text}}.
func wrapped(raw json.RawMessage) (*syncrules.Type, []byte, error) {
	var v struct {
		Blob *string `json:"$blob"`
		Pg   *struct {
			Type string
			Text json.RawMessage
		} `json:"$pg"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, nil, err
	}
	switch {
	case v.Blob != nil:
		return typeNamed("bytea"), []byte(`\x` + *v.Blob), nil
	case v.Pg == nil || len(v.Pg.Text) == 0:
		return nil, nil, fmt.Errorf("expected $blob, or $pg with type and text")
	case strings.HasSuffix(v.Pg.Type, "[]") && v.Pg.Text[0] == '[':
		text, err := array(v.Pg.Text, typeNamed(v.Pg.Type).Delim)
		return typeNamed(v.Pg.Type), []byte(text), err
	}
	var text *string
	if err := json.Unmarshal(v.Pg.Text, &text); err != nil || text == nil {
		return typeNamed(v.Pg.Type), nil, err
	}
	return typeNamed(v.Pg.Type), []byte(*text), nil
}

// array turns a JSON list of element texts into Postgres' form.
func array(raw json.RawMessage, delim byte) (string, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return "", err
	}
	out := make([]string, len(items))
	for i, item := range items {
		switch item[0] {
		case 'n':
			out[i] = "NULL"
		case '[':
			inner, err := array(item, delim)
			if err != nil {
				return "", err
			}
			out[i] = inner
		default:
			var s string
			if err := json.Unmarshal(item, &s); err != nil {
				return "", err
			}
			out[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
		}
	}
	return "{" + strings.Join(out, string(delim)) + "}", nil
}

// typeNamed is the type with a name as psql shows it; unknown names are base types.
func typeNamed(name string) *syncrules.Type {
	if elem, ok := strings.CutSuffix(name, "[]"); ok {
		t := &syncrules.Type{Kind: syncrules.TypeArray, Elem: typeNamed(elem), Delim: ','}
		if elem == "box" {
			t.Delim = ';'
		}
		return t
	}
	if subtype, ok := ranges[name]; ok {
		return &syncrules.Type{Name: name, Kind: syncrules.TypeRange, Elem: typeNamed(subtype)}
	}
	if base, ok := strings.CutSuffix(name, "multirange"); ok && ranges[base+"range"] != "" {
		return &syncrules.Type{Name: name, Kind: syncrules.TypeMultirange, Elem: typeNamed(base + "range")}
	}
	if alias, ok := aliases[name]; ok {
		name = alias
	}
	return &syncrules.Type{Name: name, Kind: syncrules.TypeBase}
}

var ranges = map[string]string{
	"int4range": "int4", "int8range": "int8", "numrange": "numeric", "tsrange": "timestamp", "tstzrange": "timestamptz", "daterange": "date",
}

var aliases = map[string]string{
	"integer": "int4", "bigint": "int8", "smallint": "int2", "boolean": "bool", "real": "float4", "double precision": "float8",
	"timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz", "time without time zone": "time",
	"character varying": "varchar",
}
