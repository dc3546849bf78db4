package version

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestLine(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Main:      debug.Module{Version: "v0.1.0"},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"},
			{Key: "vcs.time", Value: "2026-11-21T10:00:00Z"},
			{Key: "vcs.modified", Value: "true"},
		},
	}
	const rest = ", commit 0123456789ab of 2026-11-21T10:00:00Z, with changes, go1.26.8 " + runtime.GOOS + "/" + runtime.GOARCH
	for stamp, want := range map[string]string{"": "weir v0.1.0" + rest, "v0.2.0": "weir v0.2.0" + rest} {
		if got := line(stamp, info); got != want {
			t.Errorf("stamp %q: %q, want %q", stamp, got, want)
		}
	}
	if got, want := line("", nil), "weir, built without module information"; got != want {
		t.Errorf("without information: %q, want %q", got, want)
	}
}
