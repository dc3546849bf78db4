package sql

import "testing"

// FuzzParse: no text makes the parser panic or hang, and every place is inside the text.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"SELECT * FROM t WHERE a = 1 AND NOT b", "SELECT CASE WHEN x THEN -1.5::text END FROM a JOIN b ON a.x -> 'y' ->> -1 = ARRAY[1]",
		"SELECT ((((1)))) -- x\n/* y */;", "SELECT a IS NULL IS NOT TRUE, E'\\'' FROM \"a\"\"b\".c (SELECT",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sel, err := Parse(text)
		if err != nil {
			if err.Start > err.End || err.End > len(text)+1 {
				t.Errorf("%q is at %+v of %d bytes", err.Message, err.Span, len(text))
			}
			return
		}
		for _, c := range sel.Columns {
			Walk(c.Expr, func(e Expr) {
				if p := e.Pos(); p.Start > p.End || p.End > len(text) {
					t.Errorf("%T is at %+v of %d bytes", e, p, len(text))
				}
			})
		}
	})
}
