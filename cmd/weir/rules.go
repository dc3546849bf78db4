package main

import (
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"
)

func newRules() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Work with sync rules",
		Args:  takes(cobra.NoArgs),
		RunE:  help,
	}
	cmd.AddCommand(newRulesCancel(), newRulesDeploy(), newRulesDiff(), newRulesEval(), newRulesExplain(), newRulesHistory(),
		newRulesRollback(), newRulesShow(), newRulesStatus(), newRulesTest(), newRulesValidate())
	return cmd
}

// readInput reads a file, or standard input if its name is a dash.
func readInput(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}

// versionNumber reads the number of a rules version.
func versionNumber(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return 0, usagef("%q is no version number; weir rules history lists them", text)
	}
	return uint32(n), nil
}
