package syncrules

import "github.com/weirsync/weir/syncrules/value"

// source is something that rows come from: a table, or json_each over an expression.
type source struct {
	id    int
	table TablePattern
	alias string

	each *expression // input of json_each; nil: a table
	mode eachMode
}

// eachMode says what json_each does with something that is not a JSON array, and with null in it.
type eachMode struct {
	arrays   bool // only arrays; else objects give their values and scalars themselves
	lenient  bool // what cannot be read has no elements; else it is an error
	nullText bool // a null element is the text null; else NULL
}

func (m eachMode) String() string {
	s := "each"
	if m.arrays {
		s += "_array"
	}
	if m.lenient {
		s += "_lenient"
	}
	if m.nullText {
		s += "_1"
	}
	return s
}

// elements are the elements of a json_each input, as its mode has them.
func (m eachMode) elements(v value.Value) ([]value.Element, error) {
	read := value.Elements
	if m.arrays {
		read = value.ArrayElements
	}
	items, err := read(v)
	if err != nil && m.lenient {
		return nil, nil
	}
	if m.nullText {
		for i := range items {
			if items[i].Null {
				items[i].Value = value.String("null")
			}
		}
	}
	return items, err
}
