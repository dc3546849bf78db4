package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The golden file has a line of each kind: with and without limit, target, verdict and note.
func TestTable(t *testing.T) {
	results := []result{
		{
			Scenario: "initial", What: "one global bucket", Unit: rowsPerSecond, LimitOf: "COPY", Limit: 1_100_000, Figure: 204_321.4,
			targets: []target{partOfLimit(0.18)},
		},
		{
			Scenario: "initial", What: "store size", Unit: mebibytes, LimitOf: "the table", Limit: 300, Figure: 1300.25,
			targets: []target{timesLimit(1)},
		},
		{
			Scenario: "latency", What: "p99", Unit: millis, LimitOf: "NOTIFY", Limit: 0.5, Figure: 10.5,
			targets: []target{overLimit(10, millis)},
		},
		{
			Scenario: "download", What: "WebSocket", Unit: rowsPerSecond, LimitOf: "bare", Limit: 1_000_000, Figure: 450_000,
			targets: []target{partOfLimit(0.4), atLeast(500_000, rowsPerSecond)},
		},
		{Scenario: "restart", What: "after a kill", Unit: seconds, Figure: 0.25, targets: []target{atMost(1, seconds)}},
		{Scenario: "idle", What: "CPU", Unit: percent, Figure: 0, Note: "only 200 of 500 clients", targets: []target{atMost(1, percent)}},
		{Scenario: "fanout", What: "one commit concerns many clients", Verdict: failedVerdict},
	}
	for i := range results {
		results[i].judge()
	}
	var out bytes.Buffer
	if err := writeTable(&out, results); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/table.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s\n%s", diff, out.String())
	}
}

func TestThousands(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "999": "999", "1000": "1,000", "1234567.50": "1,234,567.50"} {
		if got := thousands(text); got != want {
			t.Errorf("thousands(%s) = %s, want %s", text, got, want)
		}
	}
}
