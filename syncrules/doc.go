// Package syncrules compiles a rules text into an immutable Program and evaluates rows and requests with it. It is pure:
// no I/O, no goroutine, no clock.
//
// # Stages
//
//	text ──► document ──► AST ──► checked expressions ──► plan ──► programs
//	  yaml.go    document.go   package sql   build.go, legacy.go,     plan.go   programs.go,
//	  scalar.go  config.go                   match.go, data.go,                 compileplan.go
//	                                         parameters.go, stream.go,
//	                                         condition.go, output.go, branch.go
//
// Each stage reports all its faults with their places in the text (diagnostic.go, query.go); the next runs on what is left.
// What SQL means is package value's business, what Postgres prints is pgvalue's, and evalcase runs whole cases offline.
//
// # The plan
//
// Bucket definitions and streams become the same plan. A rowQuery says what becomes of a table's rows: rows in buckets,
// parameter rows of a lookup, or events. A requestQuery says how a request finds its buckets: conditions, then the elements of
// arrays it sent, then lookups of parameter rows one after the other, whose results name the buckets.
//
//	bucket definition                      stream
//	  parameters: SELECT id AS list          query: SELECT * FROM todos WHERE list_id IN
//	    FROM lists WHERE owner = user_id       (SELECT id FROM lists WHERE owner = user_id)
//	  data: SELECT * FROM todos
//	    WHERE list_id = bucket.list
//	                      \                 /
//	    request:  lookup 0 by [user_id] ──► list ──► bucket [list]
//	    row of lists:  lookup 0, key [owner], value [id]
//	    row of todos:  bucket [list_id]
//
// A stream's WHERE is brought to disjunctive form (condition.go). Subqueries and common table expressions dissolve in it:
// x IN (SELECT y FROM t WHERE c) is a table t with x = y and c, since a row counts once per bucket anyway. Each branch is
// planned by itself (branch.go), and branches that ask the same of a request share their buckets.
//
// # Evaluation
//
// Bind settles everything that depends on a relation; Eval then runs rows. SELECT * copies columns from Postgres' text to
// JSON without making values; comparisons of a column with a parameter or a constant need no program; all other expressions
// are programs of package expr which call functions of package value. Within a row, a column is decoded once, and equal
// conditions, keys and output columns of a definition's queries are evaluated once. Results live in the Result's arena.
//
// # Access
//
// Rules decide who sees what. Where the reference implementation gives more than the text says, weir does what is written:
// every comparison counts, also the second with the same parameter; parameter queries agree by name; NULL never matches NULL.
// Comparisons that the language itself makes true for missing values are kept, and reported as notices (notice.go).
package syncrules
