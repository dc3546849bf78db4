package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, _ := debug.ReadBuildInfo()
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionLine(info))
			return err
		},
	}
}

// versionLine says which source and which compiler the program was built from.
func versionLine(info *debug.BuildInfo) string {
	if info == nil {
		return "weir, built without module information"
	}
	stamp := make(map[string]string)
	for _, s := range info.Settings {
		stamp[s.Key] = s.Value
	}
	parts := []string{"weir " + info.Main.Version}
	if commit := stamp["vcs.revision"]; commit != "" {
		parts = append(parts, "commit "+commit[:min(12, len(commit))]+" of "+stamp["vcs.time"])
	}
	if stamp["vcs.modified"] == "true" {
		parts = append(parts, "with changes")
	}
	parts = append(parts, info.GoVersion+" "+runtime.GOOS+"/"+runtime.GOARCH)
	return strings.Join(parts, ", ")
}
