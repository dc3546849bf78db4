package rulestest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestRun shows what a user sees of a test file.
func TestRun(t *testing.T) {
	datadriven.RunTest(t, "testdata/run", func(t *testing.T, d *datadriven.TestData) string {
		r := Run("rules_test.yaml", []byte(d.Input))
		if r.OK() != (r.Faults == "" && r.Failed() == 0) {
			t.Errorf("OK is %t with %d failed and faults %q", r.OK(), r.Failed(), r.Faults)
		}
		return r.String()
	})
}

// TestRulesFile: rules are found beside the test file, and their faults shown in the rules file.
func TestRulesFile(t *testing.T) {
	dir := t.TempDir()
	tests := []byte("rules: rules.yaml\ntables:\n  t: [{id: a}]\ntests:\n  - {name: all, expect: {t: [a]}}\n")
	name := filepath.Join(dir, "rules_test.yaml")
	if r := Run(name, tests); r.OK() || !strings.Contains(r.Faults, "read rules: ") {
		t.Errorf("without rules: got %s", r)
	}
	for text, want := range map[string]string{
		"bucket_definitions:\n  g:\n    data: [SELECT * FROM t]\n": "ok    " + name + ":5: all\n",
		"bucket_definitions:\n  g:\n    data: [SELECT * FORM t]\n": filepath.Join(dir, "rules.yaml") + ":3:",
	} {
		if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Run(name, tests).String(); !strings.HasPrefix(got, want) {
			t.Errorf("rules %q: got %q, want it to begin with %q", text, got, want)
		}
	}
}

// FuzzRun: no test file makes it panic.
func FuzzRun(f *testing.F) {
	f.Add("config: |\n  bucket_definitions:\n    g:\n      data: [SELECT * FROM t]\ntables:\n  t: [{id: a, n: 1.5, b: {blob: '00'}, p: {pg: date, text: x}}]\n" +
		"tests:\n  - {name: n, claims: {sub: a}, subscriptions: [{stream: s, override_priority: 1}], expect: {t: [a, {id: b}]}}\n")
	f.Fuzz(func(_ *testing.T, text string) {
		if !strings.Contains(text, "rules:") { // which would read files
			_ = Run("rules_test.yaml", []byte(text)).String()
		}
	})
}
