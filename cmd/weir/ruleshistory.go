package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/cmd/internal/adminclient"
)

const rulesHistoryHelp = `List the rules versions of a running weir, newest first: number, state, since
when, the author's message, and why one failed.`

func newRulesHistory() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List the deployed versions of a running weir",
		Long:  rulesHistoryHelp,
		Args:  takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withAdmin(cmd, func(c *adminclient.Client) error {
				var versions []admin.Version
				if err := c.Get(cmd.Context(), "/api/v1/rules/versions", &versions); err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), versions)
				}
				return printVersions(cmd.OutOrStdout(), versions)
			})
		},
	}
	addAdminFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func printVersions(out io.Writer, versions []admin.Version) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "VERSION\tSTATE\tSINCE\tMESSAGE")
	for i := range versions {
		v := &versions[i]
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", v.ID, v.State, v.Changed.Format(time.RFC3339), v.Message)
		if v.Reason != "" {
			_, _ = fmt.Fprintf(w, "\t\t\t%s\n", v.Reason)
		}
	}
	return w.Flush() // the writer keeps the first error
}

const rulesShowHelp = `Print the text of a rules version of a running weir: of version N, or of the
active one.`

func newRulesShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show [N]",
		Short: "Print the text of a deployed version",
		Long:  rulesShowHelp,
		Args:  takes(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "active"
			if len(args) == 1 {
				if _, err := versionNumber(args[0]); err != nil {
					return err
				}
				name = args[0]
			}
			return withAdmin(cmd, func(c *adminclient.Client) error {
				var version admin.Version
				if err := c.Get(cmd.Context(), "/api/v1/rules/versions/"+name, &version); err != nil {
					return err
				}
				_, err := io.WriteString(cmd.OutOrStdout(), version.Content)
				return err
			})
		},
	}
	addAdminFlags(cmd)
	return cmd
}

// printJSON prints v for programs.
func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
