// Package value holds the values of the rules language and everything SQL does with them: the one place where the language's
// semantics live. It is pure, knows no rows, tables or requests, and never panics on any input.
//
//	value.go      the five types and their text forms
//	number.go     numbers as JavaScript and JSON print them
//	compare.go    order, equality, truth
//	logic.go      AND OR NOT and their three-valued twins, IS, BETWEEN, IN
//	arith.go      + - * / and ||
//	cast.go       CAST
//	json.go       JSON text -> tree
//	jsontree.go   the tree, and tree -> text
//	elements.go   arrays and objects as lists: IN, json_each, json_keys
//	path.go       -> ->> json_extract and other JSON functions
//	text.go       upper lower length substring instr hex base64 ..
//	datetime.go   unixepoch datetime
//	geometry.go   ST_* on WKB
//	functions.go  the table of all of these by name
//
// The reference is a JavaScript program over SQLite's types, so text is counted and ordered in UTF-16 units and numbers print
// as JavaScript prints them. Errors never quote the value that caused them: rows must not get into logs.
package value
