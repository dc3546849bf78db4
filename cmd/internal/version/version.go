// Package version says which weir a program is.
package version

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"strings"
)

// stamp is what "make release" calls the program, set by the linker. Elsewhere Go's own stamp says what it is.
var stamp string

// Name returns the release, such as v0.1.0, or what Go knows of the source, or "unknown".
func Name() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return cmp.Or(stamp, info.Main.Version)
	}
	return cmp.Or(stamp, "unknown")
}

// Line says which release, which source and which compiler the program was built from.
func Line() string {
	info, _ := debug.ReadBuildInfo()
	return line(stamp, info)
}

func line(stamp string, info *debug.BuildInfo) string {
	if info == nil {
		return strings.TrimSpace("weir "+stamp) + ", built without module information"
	}
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	parts := []string{"weir " + cmp.Or(stamp, info.Main.Version)}
	if commit := settings["vcs.revision"]; commit != "" {
		parts = append(parts, "commit "+commit[:min(12, len(commit))]+" of "+settings["vcs.time"])
	}
	if settings["vcs.modified"] == "true" {
		parts = append(parts, "with changes")
	}
	parts = append(parts, info.GoVersion+" "+runtime.GOOS+"/"+runtime.GOARCH)
	return strings.Join(parts, ", ")
}
