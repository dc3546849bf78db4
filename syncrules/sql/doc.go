// Package sql reads the SELECT dialect of rules texts: text -> tokens -> AST.
//
//	token.go   what a token is
//	lex.go     text -> tokens
//	ast.go     the tree; every node knows its place in the text
//	parse.go   statements: SELECT, FROM, joins
//	expr.go    expressions, by precedence
//
// The parser accepts what the dialect can express anywhere (bucket definitions and streams differ; package syncrules says
// which form allows what) and names what no form allows (ORDER BY, outer joins, ...). It knows nothing of schemas, functions
// or types.
//
// Precedence, loosest first:
//
//	OR | AND | NOT | = != <> | IS | < > <= >= | BETWEEN | & | << >> ~ .. | LIKE | IN | + - || && | * / % | ^ | unary + - | -> ->> :: | .
//
// Reading is bounded: a text longer than MaxBytes and nesting deeper than MaxDepth are errors, so that no text can exhaust
// the stack here or in a later stage, all of which recurse over the tree.
package sql
