package value

import (
	"bytes"
	"unicode/utf16"
)

// extract finds path in the JSON text of v. With fixed (the option fixed_json_extract) a plain path is one key, else dots
// split it; $.a.b splits always. Arrays are indexed by a number in the path.
func extract(v, path Value, fixed bool) (found JSON, ok bool, err error) {
	if v.IsNull() || path.IsNull() || v.kind == Blob {
		return JSON{}, false, nil
	}
	j, err := ParseJSON(v.asText())
	if err != nil {
		return JSON{}, false, err
	}
	for _, key := range steps(path, fixed) {
		if j, ok = j.step(key); !ok {
			return JSON{}, false, nil
		}
	}
	return j, true, nil
}

func steps(path Value, fixed bool) [][]byte {
	text := path.asText()
	switch {
	case path.kind == Integer:
		return [][]byte{text}
	case string(text) == "$":
		return nil
	case bytes.HasPrefix(text, []byte("$.")):
		return bytes.Split(text[2:], []byte("."))
	case fixed:
		return [][]byte{text}
	}
	return bytes.Split(text, []byte("."))
}

// step is JavaScript's j[key] as far as it shows: the length of arrays and strings is seen too.
func (j JSON) step(key []byte) (JSON, bool) {
	index, isIndex := arrayIndex(key)
	switch j.kind {
	case jsonObject:
		return j.Member(string(key))
	case jsonArray:
		if isIndex && index < len(j.items) {
			return j.items[index], true
		}
		if string(key) == "length" {
			return JSON{kind: jsonReal, real: float64(len(j.items))}, true
		}
	case jsonString:
		units := utf16.Encode([]rune(string(j.text)))
		if isIndex && index < len(units) {
			return JSON{kind: jsonString, text: []byte(string(utf16.Decode(units[index : index+1])))}, true
		}
		if string(key) == "length" {
			return JSON{kind: jsonReal, real: float64(len(units))}, true
		}
	}
	return JSON{}, false
}

// arrowText is ->> and json_extract: scalars as SQL values. A JSON null is NULL if fixed, else the text null.
func arrowText(fixed bool) func([]Value) (Value, error) {
	return func(args []Value) (Value, error) {
		j, found, err := extract(args[0], args[1], fixed)
		if err != nil || !found {
			return Value{}, err
		}
		if j.kind == jsonNull && !fixed {
			return String("null"), nil
		}
		return j.Value(), nil
	}
}

// arrow is ->: always JSON text. A JSON null is the text null if fixed, else NULL.
func arrow(fixed bool) func([]Value) (Value, error) {
	return func(args []Value) (Value, error) {
		j, found, err := extract(args[0], args[1], fixed)
		if err != nil || !found || j.kind == jsonNull && !fixed {
			return Value{}, err
		}
		return TextOf(j.AppendText(nil)), nil
	}
}

func arrayLength(fixed bool) func([]Value) (Value, error) {
	return jsonArrayLength(func(v, path Value) (JSON, bool, error) {
		j, found, err := extract(v, path, fixed)
		if found && j.kind == jsonNull && fixed && string(path.text) != "$" {
			found = false
		}
		return j, found, err
	})
}
