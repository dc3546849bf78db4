// Package rulestest runs unit tests of sync rules: a YAML file with rules, source rows, and for each user the rows that are
// expected. It is what `weir rules test` does. docs/rules-testing.md describes the file.
//
//	document.go  YAML with places, and its faults
//	suite.go     the file's form
//	value.go     values of rows and requests
//	run.go       running a file
//	compare.go   expected rows against the rows a user gets
//	report.go    what is printed
//
// A user's rows have to be exactly the expected ones: a row too many is a leak, so there is no way to leave a table out of
// the comparison.
package rulestest
