package sql

import "testing"

func TestParse(t *testing.T) {
	ok := []string{
		"SELECT * FROM t", "select a.*, b AS c, d e FROM t x WHERE a = 1 AND NOT b OR c IS NOT NULL;", "SELECT", "SELECT WHERE 1 = 0",
		"SELECT FROM users WHERE id = request.user_id()", `SELECT "A b" FROM "s"."t%" -- x`,
		"SELECT CASE a WHEN 1 THEN 2 ELSE 3 END, CAST(x AS text), x::integer, -1.5, E'a\\n' FROM t /* c */",
		"SELECT a.* FROM a INNER JOIN b ON a.id = b.id, json_each(a.x) AS e WHERE x NOT IN ARRAY['a'] AND y BETWEEN 1 AND 2",
		"SELECT * FROM t WHERE i IN (SELECT x FROM u) AND j IN ROW(1, 2) AND o -> 'a' ->> 0 = 'x' AND t.order IS NOT TRUE",
	}
	for _, text := range ok {
		if _, err := Parse(text); err != nil {
			t.Errorf("Parse(%q): %v", text, err)
		}
	}
	bad := []string{
		"", "SELEC * FROM t", "SELECT * FROM t # end", "SELECT * FROM t; SELECT 1", "SELECT 1e3 FROM t", "SELECT * FROM t ORDER BY a",
		"SELECT * FROM t LEFT JOIN u ON 1", "SELECT date '2024-01-01'", "SELECT a.b.c FROM t", "SELECT * FROM user", "SELECT 'x FROM t",
		"SELECT * FROM t UNION SELECT 1", "WITH a AS (SELECT 1) SELECT 2", "INSERT INTO t VALUES (1)", "SELECT * FROM t WHERE EXISTS (SELECT 1)",
	}
	for _, text := range bad {
		if _, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) is accepted", text)
		}
	}
}

// TestSpansHoldParentheses: what is quoted in a message is as it was written, with both of a pair of parentheses.
func TestSpansHoldParentheses(t *testing.T) {
	for _, text := range []string{
		"(a + b) * (c)", "NOT (a = 1)", "(a) IS NULL", "(a) IN (b)", "(a) BETWEEN (b) AND (c)", "(a)::text", "(a) -> 'x'", "(a) IS NOT TRUE", "+ (a)",
	} {
		sel, err := Parse("SELECT " + text)
		if err != nil {
			t.Fatal(err)
		}
		span := sel.Columns[0].Expr.Pos()
		if got := ("SELECT " + text)[span.Start:span.End]; got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
}
