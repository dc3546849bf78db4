package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const (
	rowsDefault = 1_000_000
	rowsQuick   = 100_000
	rowsMin     = 1000 // below, some scenarios would have nothing to do
)

// options are the flags.
type options struct {
	rows       int
	wide       int // MiB, 0 for what follows from rows
	quick      bool
	scenarios  []scenario
	json       bool
	profile    string // folder, "" for no profiles
	concurrent bool   // snapshots
	postgres   int    // major version, 0 for any
	timeout    time.Duration
}

func parseOptions(args []string, stderr io.Writer) (*options, error) {
	var o options
	var names string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error is shown by the caller
	flags.IntVar(&o.rows, "rows", rowsDefault, "`number` of rows in the table; all other sizes follow from it")
	flags.IntVar(&o.wide, "wide", 0, "`MiB` of the table with wide rows (default: what follows from -rows)")
	flags.BoolVar(&o.quick, "quick", false, fmt.Sprintf("measure with %d rows and few repetitions", rowsQuick))
	flags.StringVar(&names, "run", "", "measure only these `scenarios`, separated by commas")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	flags.StringVar(&o.profile, "profile", "", "leave weir's CPU and heap profiles of each scenario in `folder`")
	flags.BoolVar(&o.concurrent, "concurrent", false, "snapshot concurrently (snapshot.concurrent)")
	flags.IntVar(&o.postgres, "postgres", 0, "major `version` of Postgres (default: that which is installed)")
	flags.DurationVar(&o.timeout, "timeout", 20*time.Minute, "give a scenario up after this `time`")
	flags.Usage = func() {
		flags.SetOutput(stderr)
		usage(flags)
	}
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.quick && !isSet(flags, "rows") {
		o.rows = rowsQuick
	}
	if o.rows < rowsMin {
		return nil, fmt.Errorf("-rows %d: want at least %d", o.rows, rowsMin)
	}
	if o.wide < 0 {
		return nil, fmt.Errorf("-wide %d: want at least 1", o.wide)
	}
	var err error
	o.scenarios, err = choose(names)
	return &o, err
}

func isSet(flags *flag.FlagSet, name string) (set bool) {
	flags.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// choose returns the named scenarios, in the order of the table whatever the order of the names. Those run first leave stores
// that later ones use.
func choose(names string) ([]scenario, error) {
	if names == "" {
		return scenarios, nil
	}
	wanted := strings.Split(names, ",")
	var chosen, known []string
	var list []scenario
	for _, s := range scenarios {
		known = append(known, s.name)
		if slices.Contains(wanted, s.name) {
			chosen = append(chosen, s.name)
			list = append(list, s)
		}
	}
	for _, name := range wanted {
		if !slices.Contains(chosen, name) {
			return nil, fmt.Errorf("-run %s: no such scenario; there are %s", name, strings.Join(known, ", "))
		}
	}
	return list, nil
}

func usage(flags *flag.FlagSet) {
	w := flags.Output()
	_, _ = fmt.Fprintln(w, "Usage: bench [flags]\n\nMeasure weir beside what limits it. Scenarios:")
	for _, s := range scenarios {
		_, _ = fmt.Fprintf(w, "  %-10s %s\n", s.name, s.about)
	}
	_, _ = fmt.Fprintln(w, "\nFlags:")
	flags.PrintDefaults()
}
