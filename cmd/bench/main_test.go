package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirsync/weir/replicator/pgtest"
)

// TestMain makes this test binary the child too: bench starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		os.Exit(mainChild(os.Args[2:]))
	}
	pgtest.Main(m)
}

// TestScenarios runs the real thing on little data. idle is left out: it mostly waits.
func TestScenarios(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for _, s := range scenarios {
		if s.name != "idle" {
			names = append(names, s.name)
		}
	}
	var out, faults bytes.Buffer
	args := []string{"-quick", "-rows", "1000", "-json", "-profile", dir, "-run", strings.Join(names, ",")}
	if code := run(t.Context(), args, &out, &faults); code != exitOK {
		t.Fatalf("exit %d: %s", code, faults.String())
	}
	var rep report
	if err := json.Unmarshal(out.Bytes(), &rep); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	if rep.Rows != 1000 || rep.Postgres == 0 || rep.Machine == "" {
		t.Errorf("report %+v lacks what the figures are of", rep)
	}
	var got []string
	for _, r := range rep.Results {
		got = append(got, r.Scenario)
		if r.Figure <= 0 {
			t.Errorf("%s, %s: figure %v, want more than 0", r.Scenario, r.What, r.Figure)
		}
		if r.LimitOf != "" && r.Limit <= 0 {
			t.Errorf("%s, %s: limit %v, want more than 0", r.Scenario, r.What, r.Limit)
		}
		if r.Verdict != metVerdict && r.Verdict != missedVerdict {
			t.Errorf("%s, %s: verdict %q, note %q", r.Scenario, r.What, r.Verdict, r.Note)
		}
	}
	if diff := cmp.Diff(names, slices.Compact(got)); diff != "" {
		t.Errorf("scenarios (-want +got):\n%s", diff)
	}
	for _, name := range []string{"initial.cpu.pprof", "initial.heap.pprof", "download-WebSocket.cpu.pprof"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("profile %s is missing or empty: %v", name, err)
		}
	}
}
