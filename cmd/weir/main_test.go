package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestCommandLine shows what a user sees. The input is a command line, with
// files of the test after it, each behind a line "-- name --".
func TestCommandLine(t *testing.T) {
	t.Setenv(configFileVar, "")
	t.Setenv(tokenVar, "")
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			line, files, _ := strings.Cut(d.Input, "\n")
			dir := writeFiles(t, files)
			args := strings.Fields(line)
			for i, arg := range args {
				args[i] = strings.ReplaceAll(arg, "$DIR", dir)
			}
			code, out, faults := runCommand(t, "", args[1:]...)
			answer := fmt.Sprintf("%s%sexit %d\n", out, faults, code)
			return strings.ReplaceAll(answer, dir, "$DIR")
		})
	})
}

// writeFiles makes the files of a text in which "-- name --" begins each.
func writeFiles(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for part := range strings.SplitSeq("\n"+text, "\n-- ") {
		name, content, ok := strings.Cut(part, " --\n")
		if !ok {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// runCommand runs weir in this process.
func runCommand(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, faults strings.Builder
	code = run(t.Context(), args, strings.NewReader(stdin), &out, &faults)
	return code, out.String(), faults.String()
}
