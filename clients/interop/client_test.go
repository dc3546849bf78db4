package interop

import (
	"os"
	"path/filepath"
	"testing"
)

// A Chromium that can't start for lack of a library is no fault of weir's; one that fails otherwise is for the test to find out.
func TestMissingLibrary(t *testing.T) {
	for script, want := range map[string]string{
		`echo "$0: error while loading shared libraries: libnss3.so: cannot open shared object file" >&2; exit 127`: "error while loading shared libraries: libnss3.so: cannot open shared object file",
		`echo broken >&2; exit 1`: "",
		`echo Chromium 1.2.3`:     "",
	} {
		path := filepath.Join(t.TempDir(), "chromium")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if got := missingLibrary(path); got != want {
			t.Errorf("%s: got %q, want %q", script, got, want)
		}
	}
	if got := missingLibrary(filepath.Join(t.TempDir(), "none")); got != "" {
		t.Errorf("no file: got %q", got)
	}
}
