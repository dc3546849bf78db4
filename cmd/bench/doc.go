// Command bench measures whole paths of weir, each beside what limits it: Postgres, the disk or the socket, measured in the same run.
//
//	bench [-quick | -rows N] [-run NAMES] [-json] [-profile DIR]
//
// It starts a Postgres of its own with fsync on (package pgserver), fills tables in it, and runs weir as a child process of the same
// binary (child.go): so the memory measured is weir's alone, and the load driver's work is not in weir's profiles. The child is
// steered over its standard input, whose end stops it: no weir outlives its bench.
//
// Each scenario can run alone. Scenarios share what is dear to make: tables, and stores that a snapshot has filled (fixture.go). The
// driver's side of a download is a reader that finds where lines end and nothing more (lines.go), so that weir and not the driver
// is what is measured; on two cores they still share the machine, as do the limits and their driver.
//
// Figures are never asserted: verdicts are for people. The exit code says only whether everything could be measured, and that
// each client got the rows that it should.
//
// What exactly each line of the table means is in docs/bench.md.
package main
