// Package doctor looks at everything that a weir needs, as its configuration has it, and says what is wrong with the SQL or the
// setting that mends it. It changes nothing, and can be asked while weir runs.
//
//	Examine ── rules     the file compiles, and fits the sources' tables   (rules.go)
//	        ── source    server, privileges, publication, slot, tables,    (source.go)
//	                     replica identities, clock: replicator.Examine
//	        ── store     the folder can be written, the disk has room      (store.go)
//	        ── keys      there are some, and they can be fetched           (keys.go)
//	        ── listen    who can reach it, with which certificate          (listen.go)
//
// Each finding has a code; the failure handbook (docs/failures.md) has a section for each.
package doctor
