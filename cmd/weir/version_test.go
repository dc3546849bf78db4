package main

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionLine(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Main:      debug.Module{Version: "v0.1.0"},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"},
			{Key: "vcs.time", Value: "2026-11-21T10:00:00Z"},
			{Key: "vcs.modified", Value: "true"},
		},
	}
	want := "weir v0.1.0, commit 0123456789ab of 2026-11-21T10:00:00Z, with changes, go1.26.8 " +
		runtime.GOOS + "/" + runtime.GOARCH
	if got := versionLine(info); got != want {
		t.Errorf("version line %q, want %q", got, want)
	}
}

func TestVersion(t *testing.T) {
	code, out, _ := runCommand(t, "", "version")
	if code != exitOK || !strings.HasPrefix(out, "weir ") {
		t.Errorf("weir version: exit %d, %q", code, out)
	}
}
