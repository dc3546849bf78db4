package main

import (
	"context"
	"fmt"
)

// scenario is one thing that can be measured alone. It gives one or several lines of the table.
type scenario struct {
	name  string
	about string
	run   func(ctx context.Context, b *bench) ([]result, error)
}

// scenarios in the order of the table, which is also that in which stores are made and used.
var scenarios = []scenario{
	{"initial", "a table into one global bucket, memory and store size", runInitial},
	{"wide", "memory of a concurrent snapshot of rows of a MiB", runWide},
	{"owners", "the same table into a bucket for each owner", runOwners},
	{"stream", "a backlog of transactions of 100 rows", runBacklog},
	{"singles", "a backlog of transactions of one row", runSingles},
	{"restart", "from the start of the process to the first client served", runRestart},
	{"latency", "from commit to client, for a large and a small bucket", runLatency},
	{"download", "a fresh client gets the large bucket", runDownload},
	{"fresh", "many fresh clients at once, each with a bucket of its own", runFresh},
	{"fanout", "one commit concerns many clients", runFanout},
	{"concern", "one commit concerns one of many clients", runConcern},
	{"idle", "clients that nothing happens to", runIdle},
	{"updates", "size of the store after every row was updated, and a compaction", runUpdates},
	{"growth", "ten times the rows, and a hundred times the buckets", runGrowth},
}

// runScenario runs s with its deadline. What weir logged is part of the error.
func (b *bench) runScenario(ctx context.Context, s scenario) ([]result, error) {
	ctx, cancel := context.WithTimeout(ctx, b.o.timeout)
	defer cancel()
	b.progress.scenario(s.name)
	b.current = s.name
	results, err := s.run(ctx, b)
	if b.weir != nil {
		log := b.weir.log.String()
		if stopErr := b.stopWeir(); err == nil {
			err = stopErr
		}
		if err != nil && log != "" {
			err = fmt.Errorf("%w\nweir's log ends with:\n%s", err, log)
		}
	}
	for i := range results {
		results[i].Scenario = s.name
		results[i].judge()
	}
	return results, err
}
