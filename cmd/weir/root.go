package main

import "github.com/spf13/cobra"

const rootHelp = `Weir keeps apps' local SQLite databases in step with Postgres.

It reads a database's changes through one replication slot, sorts the rows into
buckets as the sync rules say, and pushes each client the buckets of its user.
Client SDKs of PowerSync connect to it as they are.

Exit codes: 0 it worked, 1 it did not, 2 the command line was wrong.`

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "weir",
		Short:         "Keep apps' local SQLite databases in step with Postgres",
		Long:          rootHelp,
		Args:          takes(cobra.NoArgs),
		RunE:          help,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(
		newBackup(), newCheck(), newCompact(), newConfig(), newDemo(), newDoctor(), newProbe(), newResnapshot(), newRules(), newServe(), newSource(), newStatus(),
		newSync(), newTeardown(), newToken(), newVersion(),
	)
	return root
}

// help is what a command that only has commands below it does.
func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }
