// Package evalcase runs rules offline: a case (rules text, source rows, requests) goes in as JSON, what weir makes of it
// comes out as JSON. It is what `weir rules eval` does, and how the rules language itself is tested.
//
//	case.go   the input's form
//	value.go  values of rows, as Postgres would print them
//	eval.go   running the case
//	result.go the output's form
package evalcase
