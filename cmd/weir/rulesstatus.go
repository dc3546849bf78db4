package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/cmd/internal/adminclient"
)

const rulesStatusHelp = `Say which rules version of a running weir is active, how far a deploy is, and why
the last one failed.

Exit codes: 0 said; with --wait 1 if the deploy fails.`

func newRulesStatus() *cobra.Command {
	var asJSON, wait bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say which version is active and how far a deploy is",
		Long:  rulesStatusHelp,
		Args:  takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withAdmin(cmd, func(c *adminclient.Client) error {
				var s admin.Status
				if err := c.Get(cmd.Context(), "/api/v1/rules/status", &s); err != nil {
					return err
				}
				if wait && s.Deploying != nil {
					return followVersion(cmd, c, s.Deploying.Version.ID, asJSON)
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), s)
				}
				return printStatus(cmd.OutOrStdout(), &s)
			})
		},
	}
	addAdminFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	cmd.Flags().BoolVar(&wait, "wait", false, "show the progress of a deploy until it ends")
	return cmd
}

func printStatus(out io.Writer, s *admin.Status) error {
	text := "no version is active yet\n"
	if s.Active != nil {
		text = fmt.Sprintf("version %d is active since %s\n", s.Active.ID, s.Active.Changed.Format(time.RFC3339))
	}
	if s.Deploying != nil {
		text += summary(s.Deploying) + "\n"
		for i := range s.Deploying.Tables {
			text += bar(&s.Deploying.Tables[i]) + "\n"
		}
	}
	if s.Failed != nil {
		text += fmt.Sprintf("version %d failed: %s\n", s.Failed.ID, s.Failed.Reason)
	}
	_, err := io.WriteString(out, text)
	return err
}

const rulesRollbackHelp = `Make an earlier rules version active again: version N, or the one before the
active. If a deploy is under way it ends, and without N that is all.

A retiring version is active at the next checkpoint, and nothing is read. A removed
one is deployed anew.`

func newRulesRollback() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:   "rollback [N]",
		Short: "Make an earlier version active again",
		Long:  rulesRollbackHelp,
		Args:  takes(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := map[string]uint32{}
			if len(args) == 1 {
				n, err := versionNumber(args[0])
				if err != nil {
					return err
				}
				in["version"] = n
			}
			return withAdmin(cmd, func(c *adminclient.Client) error {
				var v admin.Version
				if err := c.Post(cmd.Context(), "/api/v1/rules/rollback", in, &v); err != nil {
					return err
				}
				return (&deployOptions{wait: wait}).follow(cmd, c, &admin.Deployment{Version: v})
			})
		},
	}
	addAdminFlags(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "show the progress until the version is active")
	return cmd
}

func newRulesCancel() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cancel",
		Short: "End the deploy that is under way",
		Long:  "End the deploy that is under way. The active version is not touched.",
		Args:  takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withAdmin(cmd, func(c *adminclient.Client) error {
				var v admin.Version
				if err := c.Post(cmd.Context(), "/api/v1/rules/cancel", struct{}{}, &v); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "version %d is %s\n", v.ID, v.State)
				return err
			})
		},
	}
	addAdminFlags(cmd)
	return cmd
}

// withAdmin runs fn with a client as the command's flags say.
func withAdmin(cmd *cobra.Command, fn func(*adminclient.Client) error) error {
	c, err := adminClient(cmd)
	if err != nil {
		return err
	}
	defer c.Close()
	return fn(c)
}
