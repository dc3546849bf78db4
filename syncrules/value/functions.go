package value

// Function is an operator or function of the language.
type Function struct {
	Name     string
	Min, Max int // arguments
	Call     func(args []Value) (Value, error)
}

// Operators are the functions that syntax stands for, by the names that compiled programs use. Names ending in _1 are the
// forms of fixed_json_extract: false; names ending in 3 are three-valued.
var Operators = table(
	Function{"eq", 2, 2, compare(func(o int) bool { return o == 0 })},
	Function{"ne", 2, 2, compare(func(o int) bool { return o != 0 })},
	Function{"lt", 2, 2, compare(func(o int) bool { return o < 0 })},
	Function{"gt", 2, 2, compare(func(o int) bool { return o > 0 })},
	Function{"le", 2, 2, compare(func(o int) bool { return o <= 0 })},
	Function{"ge", 2, 2, compare(func(o int) bool { return o >= 0 })},
	Function{"both", 2, 2, and}, Function{"either", 2, 2, or}, Function{"negate", 1, 1, not},
	Function{"both3", 2, 2, and3}, Function{"either3", 2, 2, or3}, Function{"negate3", 1, 1, not3},
	Function{"is", 2, 2, is}, Function{"is_null", 1, 1, isNull}, Function{"not_null", 1, 1, notNull},
	Function{"between", 3, 3, between}, Function{"not_between", 3, 3, notBetween},
	Function{"in_array", 2, 2, in}, Function{"in_json", 2, 2, inAny}, Function{"overlap", 2, 2, overlap}, Function{"list", 0, 1 << 16, list},
	Function{"add", 2, 2, add}, Function{"sub", 2, 2, subtract}, Function{"mul", 2, 2, multiply}, Function{"div", 2, 2, divide},
	Function{"plus", 1, 1, plus}, Function{"concat", 2, 2, concat},
	Function{"mod", 2, 2, unsupported("%")}, Function{"bit_and", 2, 2, unsupported("&")}, Function{"bit_or", 2, 2, unsupported("|")},
	Function{"shift_left", 2, 2, unsupported("<<")}, Function{"shift_right", 2, 2, unsupported(">>")},
	Function{"arrow", 2, 2, arrow(true)}, Function{"arrow_1", 2, 2, arrow(false)},
	Function{"arrow_text", 2, 2, arrowText(true)}, Function{"arrow_text_1", 2, 2, arrowText(false)},
	Function{"cast_text", 1, 1, castText}, Function{"cast_integer", 1, 1, castInteger}, Function{"cast_real", 1, 1, castReal},
	Function{"cast_numeric", 1, 1, castNumeric}, Function{"cast_blob", 1, 1, castBlob},
	Function{"json_extract_1", 2, 2, arrowText(false)}, Function{"json_array_length_1", 1, 2, arrayLength(false)},
)

// Functions are the functions that rules texts can call by name.
var Functions = table(
	Function{"upper", 1, 1, upper}, Function{"lower", 1, 1, lower}, Function{"length", 1, 1, length},
	Function{"substring", 2, 3, substring}, Function{"instr", 2, 2, instr},
	Function{"hex", 1, 1, hexOf}, Function{"base64", 1, 1, base64Of}, Function{"uuid_blob", 1, 1, uuidBlob},
	Function{"typeof", 1, 1, typeOf}, Function{"ifnull", 2, 2, ifNull}, Function{"iif", 3, 3, iif},
	Function{"json_extract", 2, 2, arrowText(true)}, Function{"json_array_length", 1, 2, arrayLength(true)},
	Function{"json_keys", 1, 1, jsonKeys}, Function{"json_valid", 1, 1, jsonValid},
	Function{"unixepoch", 1, 3, unixEpoch}, Function{"datetime", 1, 3, dateTime},
	Function{"st_asgeojson", 1, 1, stAsGeoJSON}, Function{"st_astext", 1, 1, stAsText},
	Function{"st_x", 1, 1, stX}, Function{"st_y", 1, 1, stY},
)

func table(functions ...Function) map[string]*Function {
	m := make(map[string]*Function, len(functions))
	for _, f := range functions {
		m[f.Name] = &f
	}
	return m
}
