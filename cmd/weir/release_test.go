package main

import (
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestRelease: what "make release" makes for this machine has its version in name and stamp, its sum in the list, and needs no library.
func TestRelease(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("no make on this machine")
	}
	dir := t.TempDir()
	platform := runtime.GOOS + "/" + runtime.GOARCH
	build := exec.CommandContext(t.Context(), "make", "release", "VERSION=v9.8.7", "RELEASE_DIR="+dir, "RELEASE_PLATFORMS="+platform)
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make release: %v\n%s", err, out)
	}
	name := "weir-v9.8.7-" + strings.ReplaceAll(platform, "/", "-")
	file := filepath.Join(dir, name)
	program, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if want := fmt.Sprintf("%x  %s\n", sha256.Sum256(program), name); err != nil || string(sums) != want {
		t.Errorf("sums %q, want %q: %v", sums, want, err)
	}
	out, err := exec.CommandContext(t.Context(), file, "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "weir v9.8.7, ") {
		t.Errorf("version %q: %v", out, err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	binary, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	if libraries, err := binary.ImportedLibraries(); err != nil || len(libraries) > 0 || binary.Section(".interp") != nil {
		t.Errorf("not static: needs %v: %v", libraries, err)
	}
}
