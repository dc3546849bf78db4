package syncrules

import (
	"testing"
)

// mustCompile compiles a text that has no fatal fault.
func mustCompile(tb testing.TB, text string) *Program {
	tb.Helper()
	p, found := Compile([]byte(text), CompileOptions{})
	if p == nil {
		tb.Fatalf("compile:\n%s", found.Render("rules.yaml", []byte(text)))
	}
	return p
}

// table makes a relation of columns given as name, type, name, type, ..
func table(name string, columns ...string) *Relation {
	rel := &Relation{Schema: "public", Name: name}
	for i := 0; i < len(columns); i += 2 {
		rel.Columns = append(rel.Columns, Column{Name: columns[i], Type: &Type{Name: columns[i+1], Kind: TypeBase}})
	}
	return rel
}

// row makes a row of texts; "NULL" is NULL.
func row(texts ...string) Row {
	out := make(Row, len(texts))
	for i, t := range texts {
		if t != "NULL" {
			out[i] = []byte(t)
		}
	}
	return out
}

// evaluate evaluates a row for a definition.
func evaluate(tb testing.TB, d *Definition, rel *Relation, r Row) *Result {
	tb.Helper()
	out := &Result{}
	if t := d.Bind(rel); t != nil {
		t.Eval(r, out)
	}
	return out
}
