package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDemo runs the whole demo as CI does, with a server of its own.
func TestDemo(t *testing.T) {
	t.Setenv("TMPDIR", openTempDir(t))
	code, out, faults := runCommand(t, "", "demo", "--for", "4500ms")
	if code != exitOK || faults != "" {
		t.Fatalf("exit %d\n%s%s", code, out, faults)
	}
	for _, want := range []string{
		`PostgreSQL \d+ started on port \d+`,
		`\d{4} rows loaded: 200 users, 400 restaurants, \d+ visits, \d+ favourites`,
		`\n  [\d:]{8}  mia visits .* +[\d.]+ ms +-\n`,
		`\n  [\d:]{8}  noah visits .* +- +[\d.]+ ms\n`,
		`\n  [\d:]{8}  .* is rated \d.\d\d +[\d.]+ ms +[\d.]+ ms\n`,
		`\n  [\d:]{8}  mia deletes a visit to .* +[\d.]+ ms +-\n`,
		`\n  [4-9] changes committed, 0 arrivals lost, 0 where they should not be\n`,
		`\n  mia's \d+ rows are what SQL says; [3-9] changes arrived over HTTP, p50 [\d.]+ ms, max [\d.]+ ms\n`,
		`\n  noah's \d+ rows are what SQL says; [2-9] changes arrived over WebSocket, p50 [\d.]+ ms, max [\d.]+ ms\n`,
		`Now with your own database`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("nothing like %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("colours without a terminal:\n%q", out)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// openTempDir makes a folder in which the server's user gets along, even if the
// test runs as root.
func openTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "weir-demo-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
