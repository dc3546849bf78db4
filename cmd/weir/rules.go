package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/syncrules"
)

func newRules() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Work with sync rules",
		Args:  takes(cobra.NoArgs),
		RunE:  help,
	}
	cmd.AddCommand(newRulesValidate())
	return cmd
}

func newRulesValidate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE",
		Short: "Report what is wrong or odd in a rules file",
		Long: `Report what is wrong or odd in a rules file, with each place in it.

FILE is a rules file, or - for standard input. The database is not asked: a
table or column that is not there is only found by a running weir.

Exit codes: 0 the rules can be deployed (there may be warnings), 1 they cannot.`,
		Args: takes(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readInput(args[0], cmd.InOrStdin())
			if err != nil {
				return fmt.Errorf("read rules: %w", err)
			}
			return validateRules(cmd.OutOrStdout(), args[0], text)
		},
	}
}

func validateRules(out io.Writer, file string, text []byte) error {
	program, found := syncrules.Compile(text, syncrules.CompileOptions{})
	if _, err := io.WriteString(out, found.Render(file, text)); err != nil {
		return err
	}
	if found.Fatal() {
		return errReported
	}
	_, err := fmt.Fprintf(out, "%s can be deployed (definitions: %d)\n", file, len(program.Definitions()))
	return err
}

// readInput reads a file, or standard input if its name is a dash.
func readInput(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}
