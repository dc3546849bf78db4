package value

// AND, OR and NOT know no NULL: it counts as false first, and the result is always 0 or 1.

func and(args []Value) (Value, error) { return Bool(Truth(args[0]) && Truth(args[1])), nil }
func or(args []Value) (Value, error)  { return Bool(Truth(args[0]) || Truth(args[1])), nil }
func not(args []Value) (Value, error) { return Bool(!Truth(args[0])), nil }

// and3, or3 and not3 are SQLite's, for the option unstable_sqlite_expression_engine.

func and3(args []Value) (Value, error) {
	a, b := args[0], args[1]
	switch {
	case !a.IsNull() && !Truth(a), !b.IsNull() && !Truth(b):
		return False, nil
	case a.IsNull() || b.IsNull():
		return Value{}, nil
	}
	return True, nil
}

func or3(args []Value) (Value, error) {
	a, b := args[0], args[1]
	switch {
	case Truth(a) || Truth(b):
		return True, nil
	case a.IsNull() || b.IsNull():
		return Value{}, nil
	}
	return False, nil
}

func not3(args []Value) (Value, error) {
	if args[0].IsNull() {
		return Value{}, nil
	}
	return not(args)
}

func isNull(args []Value) (Value, error)  { return Bool(args[0].IsNull()), nil }
func notNull(args []Value) (Value, error) { return Bool(!args[0].IsNull()), nil }

// is is NULL-safe equality.
func is(args []Value) (Value, error) {
	if args[0].IsNull() || args[1].IsNull() {
		return Bool(args[0].IsNull() == args[1].IsNull()), nil
	}
	equal, err := Equal(args[0], args[1])
	return Bool(equal), err
}

func between(args []Value) (Value, error) {
	x, lo, hi := args[0], args[1], args[2]
	if x.IsNull() || lo.IsNull() || hi.IsNull() {
		return Value{}, nil
	}
	a, err := Compare(x, lo)
	if err != nil {
		return Value{}, err
	}
	b, err := Compare(x, hi)
	return Bool(a >= 0 && b <= 0), err
}

func notBetween(args []Value) (Value, error) {
	v, err := between(args)
	if err != nil || v.IsNull() {
		return v, err
	}
	return Bool(!Truth(v)), nil
}

// in is x IN list, where list is the text of a JSON array; inAny takes any JSON that Elements takes.
func in(args []Value) (Value, error) {
	if args[0].IsNull() || args[1].IsNull() {
		return Value{}, nil
	}
	items, err := ArrayElements(args[1])
	if err != nil {
		return Value{}, err
	}
	return contains(items, args[0])
}

func inAny(args []Value) (Value, error) {
	if args[0].IsNull() || args[1].IsNull() {
		return Value{}, nil
	}
	items, err := Elements(args[1])
	if err != nil {
		return Value{}, err
	}
	return contains(items, args[0])
}

func contains(items []Element, x Value) (Value, error) {
	for _, item := range items {
		if item.Value.IsNull() {
			continue
		}
		equal, err := Equal(item.Value, x)
		if err != nil {
			return Value{}, err
		}
		if equal {
			return True, nil
		}
	}
	return False, nil
}

// overlap is a && b: whether two JSON arrays share an element.
func overlap(args []Value) (Value, error) {
	if args[0].IsNull() || args[1].IsNull() {
		return Value{}, nil
	}
	a, err := Elements(args[0])
	if err != nil {
		return Value{}, err
	}
	b, err := Elements(args[1])
	if err != nil {
		return Value{}, err
	}
	for _, x := range a {
		if x.Value.IsNull() {
			continue
		}
		if found, err := contains(b, x.Value); err != nil || Truth(found) {
			return found, err
		}
	}
	return False, nil
}

// list makes the JSON array that ARRAY[..] and ROW(..) stand for.
func list(args []Value) (Value, error) {
	b := []byte{'['}
	for i, a := range args {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.AppendJSON(b)
	}
	return TextOf(append(b, ']')), nil
}
