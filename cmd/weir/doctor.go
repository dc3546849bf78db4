package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/cmd/internal/doctor"
)

const doctorHelp = `Look at everything that weir needs, as it is configured, and say what to do: the
sync rules, each source (connection, TLS, privileges, wal_level, publication,
slot, tables and their replica identities, clock), the store and its disk, the
keys of clients' tokens, and where weir listens.

Nothing is changed anywhere, and weir may be running. docs/failures.md has a
section for each code that is printed.

Exit codes: 0 weir can work (there may be warnings), 1 it cannot.`

func newDoctor() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at everything that weir needs, and say what to mend",
		Long:  doctorHelp,
		Args:  takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := examine(cmd)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), found)
			} else {
				err = printFindings(cmd.OutOrStdout(), found)
			}
			if err == nil && found.Count(doctor.Fault) > 0 {
				return errReported
			}
			return err
		},
	}
	addConfigFlag(cmd)
	addKeyFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

// examine has a configuration with faults as a finding: the others can't be looked for.
func examine(cmd *cobra.Command) (doctor.Findings, error) {
	cfg, err := loadConfig(cmd, true)
	var faults config.Faults
	if errors.As(err, &faults) {
		return doctor.Findings{{
			Level: doctor.Fault, Code: doctor.CodeConfig, Subject: "configuration",
			Message: "it has faults, and nothing else was looked at:\n" + strings.TrimSpace(faults.Error()),
			Hint:    "mend them and ask again",
		}}, nil
	}
	if err != nil {
		return nil, err
	}
	return doctor.Examine(cmd.Context(), cfg), nil
}

// printFindings shows what is in order first and faults last, where they are seen.
func printFindings(out io.Writer, found doctor.Findings) error {
	var b strings.Builder
	for _, level := range []doctor.Level{doctor.OK, doctor.Warning, doctor.Fault} {
		for _, f := range found {
			if f.Level != level {
				continue
			}
			fmt.Fprintf(&b, "%-8s%s: %s", f.Level, f.Subject, f.Message)
			if f.Code != "" {
				fmt.Fprintf(&b, " [%s]", f.Code)
			}
			b.WriteString("\n")
			if f.Hint != "" {
				fmt.Fprintf(&b, "        = %s\n", f.Hint)
			}
		}
	}
	fmt.Fprintf(&b, "faults: %d, warnings: %d\n", found.Count(doctor.Fault), found.Count(doctor.Warning))
	_, err := io.WriteString(out, b.String())
	return err
}
