// Package pgvalue turns Postgres' text output into values of the rules language, column by column.
//
//	type.go       what has to be known of a Postgres type
//	decode.go     choosing a form for a type and options; scalars
//	time.go       dates and times
//	structure.go  arrays, composites, ranges and multiranges, as JSON text
//
// The text is the server's, from the replication stream or from COPY: both give the same. A text that a decoder does not
// understand stays TEXT as printed, so that a row is never lost over it.
package pgvalue
