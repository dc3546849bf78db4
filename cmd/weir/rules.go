package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"
)

func newRules() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Work with sync rules",
		Args:  takes(cobra.NoArgs),
		RunE:  help,
	}
	cmd.AddCommand(newRulesEval(), newRulesExplain(), newRulesTest(), newRulesValidate())
	return cmd
}

// readInput reads a file, or standard input if its name is a dash.
func readInput(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}
