package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirsync/weir/syncrules/evalcase"
)

const evalCase = `{"config":"bucket_definitions:\n  g:\n    data: [SELECT * FROM t]\n","source_rows":[{"schema":"public","table":"t","row":{"id":"a"}}],"requests":[{}]}`

func syncedTable(t *testing.T, text []byte) string {
	t.Helper()
	var r evalcase.Result
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if !r.Valid || len(r.Requests) != 1 || len(r.Requests[0].Synced) != 1 {
		t.Fatalf("got %s, want one row", text)
	}
	return r.Requests[0].Synced[0].Table
}

func TestRulesEval(t *testing.T) {
	code, out, faults := runCommand(t, evalCase, "rules", "eval")
	if code != exitOK || faults != "" || syncedTable(t, []byte(out)) != "t" {
		t.Errorf("exit %d, stderr %q", code, faults)
	}
	if code, _, faults = runCommand(t, "{", "rules", "eval"); code != exitFault || !strings.Contains(faults, "read case") {
		t.Errorf("no case: exit %d, stderr %q, want 1 and why", code, faults)
	}
}

// TestRulesEvalFolder: a case that cannot be read is reported, and the others still run.
func TestRulesEvalFolder(t *testing.T) {
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "made")
	for name, text := range map[string]string{"a.json": "{", "b.json": evalCase, "c.txt": "x"} {
		if err := os.WriteFile(filepath.Join(in, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, _, faults := runCommand(t, "", "rules", "eval", "--dir", in, out)
	if code != exitFault || !strings.Contains(faults, "a.json: read case") {
		t.Errorf("exit %d, stderr %q, want 1 and a.json", code, faults)
	}
	result, err := os.ReadFile(filepath.Join(out, "b.json"))
	if err != nil {
		t.Fatal(err)
	}
	syncedTable(t, result)
	if files, _ := os.ReadDir(out); len(files) != 1 {
		t.Errorf("results: got %v, want b.json", files)
	}
	if code, _, faults = runCommand(t, "", "rules", "eval", "--dir", out+"x", out); code != exitFault || !strings.Contains(faults, "no .json files") {
		t.Errorf("no folder: exit %d, stderr %q", code, faults)
	}
}
