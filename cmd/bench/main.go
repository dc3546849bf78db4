package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// The exit codes.
const (
	exitOK    = 0
	exitFault = 1
	exitUsage = 2
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		os.Exit(mainChild(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "bench: %v\nSee bench -help.\n", err)
		return exitUsage
	}
	rep, err := measure(ctx, o, stderr)
	if rep != nil {
		err = errors.Join(err, rep.write(stdout, o.json))
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return exitFault
	}
	return exitOK
}

// measure runs the chosen scenarios. The report holds what was measured, whatever the error.
func measure(ctx context.Context, o *options, stderr io.Writer) (rep *report, err error) {
	b, err := newBench(ctx, o, stderr)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	defer func() { err = errors.Join(err, b.close()) }()
	rep = newReport(b.pg.server.Version(), o.rows)
	var failed []error
	for _, s := range o.scenarios {
		results, err := b.runScenario(ctx, s)
		if err != nil {
			err = fmt.Errorf("scenario %s: %w", s.name, err)
			results = append(results, result{Scenario: s.name, What: s.about, Verdict: failedVerdict})
			failed = append(failed, err)
		}
		rep.Results = append(rep.Results, results...)
		if ctx.Err() != nil {
			break
		}
	}
	return rep, errors.Join(failed...)
}
