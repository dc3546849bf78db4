package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/cmd/internal/adminclient"
)

const rulesDiffHelp = `Say what a deploy of a rules file would do to a running weir, without doing it:
which definitions are unchanged, added, changed or removed; which tables would be
read, with the rows and bytes that Postgres estimates; how many buckets and
clients are concerned; how long it takes at the rate that was last measured.

FILE is a rules file, or - for standard input.

Exit codes: 0 the rules can be deployed, 1 they cannot.`

func newRulesDiff() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff FILE",
		Short: "Say what a deploy would do",
		Long:  rulesDiffHelp,
		Args:  takes(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, c, err := rulesAndClient(cmd, args[0])
			if err != nil {
				return err
			}
			defer c.Close()
			plan, err := askPlan(cmd, c, text)
			if err != nil {
				return err
			}
			return showPlan(cmd, plan, args[0], asJSON)
		},
	}
	addAdminFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

const rulesDeployHelp = `Deploy a rules file to a running weir. Clients stay on the active version until all
that is new is read, and then move over at one checkpoint. Another deploy that is
under way is replaced.

FILE is a rules file, or - for standard input. What is going to happen is shown
first, as weir rules diff does it.

Exit codes: 0 deployed (with --wait: active), 1 refused or failed.`

// deployOptions are the flags of the command.
type deployOptions struct {
	wait    bool
	message string
	dry     bool
	json    bool
}

func newRulesDeploy() *cobra.Command {
	var o deployOptions
	cmd := &cobra.Command{
		Use:   "deploy FILE",
		Short: "Deploy a rules file",
		Long:  rulesDeployHelp,
		Args:  takes(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, c, err := rulesAndClient(cmd, args[0])
			if err != nil {
				return err
			}
			defer c.Close()
			return o.deploy(cmd, c, args[0], text)
		},
	}
	addAdminFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&o.wait, "wait", false, "show the progress until the version is active or has failed")
	flags.StringVarP(&o.message, "message", "m", "", "`text` that says what the deploy is for")
	flags.BoolVar(&o.dry, "dry-run", false, "only show what would happen")
	flags.BoolVar(&o.json, "json", false, "print JSON objects: the plan, the deployment, its progress")
	return cmd
}

func (o *deployOptions) deploy(cmd *cobra.Command, c *adminclient.Client, file, text string) error {
	plan, err := askPlan(cmd, c, text)
	if err != nil {
		return err
	}
	shown := showPlan(cmd, plan, file, o.json)
	if o.dry {
		return shown
	}
	// Refused rules are sent all the same: history is to say who was refused what.
	var done admin.Deployment
	in := map[string]string{"content": text, "message": o.message}
	if err := c.Post(cmd.Context(), "/api/v1/rules/deploy", in, &done); err != nil {
		if shown != nil {
			return shown
		}
		return err
	}
	if o.json {
		if err := printJSON(cmd.OutOrStdout(), done); err != nil {
			return err
		}
	}
	return o.follow(cmd, c, &done)
}

// follow shows what becomes of a deployment.
func (o *deployOptions) follow(cmd *cobra.Command, c *adminclient.Client, done *admin.Deployment) error {
	v := &done.Version
	if o.wait {
		return followVersion(cmd, c, v.ID, o.json)
	}
	if o.json {
		return nil
	}
	text := fmt.Sprintf("version %d is %s", v.ID, v.State)
	if v.State == "deploying" {
		text += "; follow it with weir rules status --wait"
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), text)
	return err
}

// rulesAndClient reads a rules file and connects. Close the client.
func rulesAndClient(cmd *cobra.Command, file string) (string, *adminclient.Client, error) {
	text, err := readInput(file, cmd.InOrStdin())
	if err != nil {
		return "", nil, fmt.Errorf("read rules: %w", err)
	}
	c, err := adminClient(cmd)
	return string(text), c, err
}

func askPlan(cmd *cobra.Command, c *adminclient.Client, text string) (*admin.Plan, error) {
	plan := &admin.Plan{}
	return plan, c.Post(cmd.Context(), "/api/v1/rules/plan", map[string]string{"content": text}, plan)
}
