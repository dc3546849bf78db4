package value

import "errors"

// Element is what json_each gives for each item: an array's index or an object's key, and the value.
type Element struct {
	Key, Value Value
	Null       bool // a JSON null
}

var (
	errNotArray = errors.New("not a JSON array")
	errNotJSON  = errors.New("JSON text expected, not a number or BLOB")
)

// ArrayElements are the elements of the text of a JSON array; anything else is an error. NULL has none.
func ArrayElements(v Value) ([]Element, error) {
	if v.IsNull() {
		return nil, nil
	}
	if v.kind != Text {
		return nil, errNotJSON
	}
	j, err := ParseJSON(v.text)
	if err != nil {
		return nil, err
	}
	if j.kind != jsonArray {
		return nil, errNotArray
	}
	return j.elements(), nil
}

// Elements are the elements of the text of a JSON array, the values of an object, or a scalar itself. NULL has none.
func Elements(v Value) ([]Element, error) {
	if v.IsNull() {
		return nil, nil
	}
	if v.kind != Text {
		return nil, errNotJSON
	}
	j, err := ParseJSON(v.text)
	if err != nil {
		return nil, err
	}
	return j.elements(), nil
}

func (j JSON) elements() []Element {
	switch j.kind {
	case jsonArray:
		all := make([]Element, len(j.items))
		for i, item := range j.items {
			all[i] = Element{Key: Int(int64(i)), Value: item.Value(), Null: item.kind == jsonNull}
		}
		return all
	case jsonObject:
		all := make([]Element, len(j.items))
		for i, item := range j.items {
			all[i] = Element{Key: TextOf(j.keys[i]), Value: item.Value(), Null: item.kind == jsonNull}
		}
		return all
	}
	return []Element{{Value: j.Value(), Null: j.kind == jsonNull}}
}

func jsonKeys(args []Value) (Value, error) {
	if args[0].IsNull() {
		return Value{}, nil
	}
	j, err := ParseJSON(args[0].asText())
	if err != nil {
		return Value{}, err
	}
	if j.kind != jsonObject {
		return Value{}, errors.New("json_keys needs a JSON object")
	}
	b := []byte{'['}
	for i, k := range j.keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendQuoted(b, k)
	}
	return TextOf(append(b, ']')), nil
}

func jsonValid(args []Value) (Value, error) {
	if args[0].IsNull() || args[0].kind == Blob {
		return False, nil
	}
	_, err := ParseJSON(args[0].asText())
	return Bool(err == nil), nil
}

func jsonArrayLength(extract func(json, path Value) (JSON, bool, error)) func([]Value) (Value, error) {
	return func(args []Value) (Value, error) {
		path := String("$")
		if len(args) > 1 {
			path = args[1]
		}
		j, found, err := extract(args[0], path)
		if err != nil || !found {
			return Value{}, err
		}
		if j.kind != jsonArray {
			return False, nil
		}
		return Int(int64(len(j.items))), nil
	}
}
