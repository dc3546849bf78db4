package pgserver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVerifyRefusesAnotherPackage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "package.tgz")
	if err := os.WriteFile(file, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	for version, rel := range releases {
		if err := rel.verify(file); err == nil || !strings.Contains(err.Error(), "SHA-512") {
			t.Errorf("postgres %d: verify of another package: %v, want an error about SHA-512", version, err)
		}
	}
}
