package syncrules

import "testing"

// TestPlaces: a fault in SQL is reported where it stands in the file, in any style of scalar, with any line ends.
func TestPlaces(t *testing.T) {
	for name, scalar := range map[string]string{
		"plain":                     "SELECT nope()",
		"plain, several lines":      "SELECT 1 AS id\n\n          , nope() # x",
		"plain, space at line ends": "SELECT 1 AS id   \n          , nope()  ",
		"literal":                   "|\n        SELECT 1 AS id,\n\n            nope()",
		"literal, indented":         "|2\n           SELECT 'ü' AS x,\n          nope()",
		"folded":                    ">-  \n        SELECT 1 AS id,\n          /* é */\n\n        nope()",
		"double quotes":             "\"SELECT 'a\\u00e9\\t\\\"' AS x,\\n\\\n            nope()\"",
		"single quotes":             "'SELECT ''it'' AS x, \n\n          nope()'",
		"CRLF":                      "|\r\n        SELECT 1 AS id,\r\n          nope()",
		"CRLF, plain":               "SELECT 1 AS id,\r\n          nope()",
	} {
		for _, mark := range []string{"", "\uFEFF"} {
			text := mark + "bucket_definitions:\n  g:\n    data: []\n    parameters:\n      - " + scalar + "\n"
			_, found := Compile([]byte(text), CompileOptions{})
			places := 0
			for _, d := range found {
				if d.Message != `there is no function "nope"` {
					continue
				}
				places++
				if got := text[d.Start.Offset:d.End.Offset]; got != "nope()" {
					t.Errorf("%s: the fault is at %q (%+v), want nope()", name, got, d.Start)
				}
			}
			if places != 1 {
				t.Errorf("%s: got %d faults of nope():\n%s", name, places, found.Render("x", []byte(text)))
			}
		}
	}
}
