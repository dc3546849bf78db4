package main

import "time"

// sizes are how much each scenario has to do. They follow from the number of rows, so that a small run goes through the same code
// as a big one; with the default of a million they are those of the table of targets.
type sizes struct {
	rows   int // of bench_items
	wide   int // of bench_wide, of a MiB each
	owners int // of bench_items

	backlog int // rows changed, in transactions of backlogBatch
	singles int // rows changed, in transactions of one

	large int // rows of the large bucket
	own   int // rows of the small bucket, and of each client's own

	fresh  int // clients that download at once
	fanout int // clients that one commit concerns
	idle   int // clients that nothing happens to

	commits  int           // whose latency is taken, for each bucket
	rounds   int           // commits to the fan-out
	repeats  int           // of what is quick to do, at least; the median counts
	together time.Duration // for which it is repeated, at least: long enough for a profile to say something
}

const backlogBatch = 100

func sizesOf(rows int, quick bool) sizes {
	s := sizes{
		rows: rows, wide: min(256, rows/100), owners: min(1000, rows/100),
		backlog: min(100_000, rows/2), singles: min(20_000, rows/10),
		large: min(200_000, rows/2), own: min(200, rows/50),
		fresh: min(100, rows/1000), fanout: min(500, rows/500), idle: min(5000, rows/200),
		commits: min(500, rows/20), rounds: 40, repeats: 5, together: min(time.Second, time.Duration(rows)*10*time.Microsecond),
	}
	if quick {
		s.commits, s.rounds, s.repeats = min(200, s.commits), 20, 3
	}
	return s
}

// users is how many clients have a bucket of their own.
func (s sizes) users() int { return max(s.fresh, s.fanout, s.owners) }
