package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

func TestParseOptions(t *testing.T) {
	for _, c := range []struct {
		args string
		rows int
		runs string
	}{
		{"", 1_000_000, "initial wide owners stream singles restart latency download fresh fanout concern idle updates growth"},
		{"-quick", 100_000, "initial wide owners stream singles restart latency download fresh fanout concern idle updates growth"},
		{"-quick -rows 5000", 5000, "initial wide owners stream singles restart latency download fresh fanout concern idle updates growth"},
		{"--run stream,initial", 1_000_000, "initial stream"},
	} {
		o, err := parseOptions(strings.Fields(c.args), io.Discard)
		if err != nil {
			t.Errorf("%q: %v", c.args, err)
			continue
		}
		var names []string
		for _, s := range o.scenarios {
			names = append(names, s.name)
		}
		if got := strings.Join(names, " "); o.rows != c.rows || got != c.runs {
			t.Errorf("%q: %d rows, %s; want %d, %s", c.args, o.rows, got, c.rows, c.runs)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for args, want := range map[string]string{
		"-run initial,nonsense": "no such scenario; there are initial, wide, owners,",
		"-rows 10":              "-rows 10: want at least 1000",
		"-wide -1":              "-wide -1: want at least 1",
		"-rows many":            `invalid value "many"`,
		"more":                  `unexpected argument "more"`,
	} {
		var out, faults bytes.Buffer
		code := run(t.Context(), strings.Fields(args), &out, &faults)
		if code != exitUsage || !strings.Contains(faults.String(), want) || out.Len() > 0 {
			t.Errorf("%q: exit %d, %q, %q; want exit %d, %q", args, code, out.String(), faults.String(), exitUsage, want)
		}
	}
}

func TestHelpListsScenarios(t *testing.T) {
	var faults bytes.Buffer
	if code := run(t.Context(), []string{"-help"}, io.Discard, &faults); code != exitOK {
		t.Errorf("exit %d, want %d", code, exitOK)
	}
	for _, s := range scenarios {
		if !strings.Contains(faults.String(), "  "+s.name+" ") {
			t.Errorf("help does not list %s:\n%s", s.name, faults.String())
		}
	}
}

// The sizes of the default are those of the targets, and the smallest run has something to do everywhere.
func TestSizes(t *testing.T) {
	want := sizes{
		rows: 1_000_000, wide: 256, owners: 1000, backlog: 100_000, singles: 20_000, large: 200_000, own: 200,
		fresh: 100, fanout: 500, idle: 5000, commits: 500, rounds: 40, repeats: 5, together: time.Second,
	}
	if got := sizesOf(rowsDefault, false); got != want {
		t.Errorf("sizes %+v, want %+v", got, want)
	}
	small := sizesOf(rowsMin, true)
	if small.fresh < 1 || small.fanout < 2 || small.idle < 2 || small.backlog%backlogBatch != 0 || small.own < 1 {
		t.Errorf("sizes of the smallest run: %+v", small)
	}
}
