package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/replicator"
)

const teardownHelp = `Drop what weir made at a source: its replication slot, and its publication unless
publication_management is manual. Weir must not be running.

A slot keeps WAL on the server until it is dropped, so this is for a weir that
will not come back. One that does reads all tables again. The store is left: it
is a file of yours.

It asks before: type the name of the slot. --yes doesn't ask.`

func newTeardown() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "teardown",
		Short: "Drop the slot and the publication of a weir that will not come back",
		Long:  teardownHelp,
		Args:  takes(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return teardown(cmd, yes) },
	}
	addConfigFlag(cmd)
	addKeyFlags(cmd)
	addSourceName(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	return cmd
}

func teardown(cmd *cobra.Command, yes bool) error {
	cfg, err := loadConfig(cmd, true)
	if err != nil {
		return err
	}
	src, err := namedSource(cmd, cfg)
	if err != nil {
		return err
	}
	c, out := replicaOf(src), cmd.OutOrStdout()
	remains, err := replicator.FindRemains(cmd.Context(), c)
	if err != nil {
		return surveyError(err)
	}
	if !remains.Slot && !remains.Publication {
		_, err := fmt.Fprintf(out, "nothing of weir's is left at %s\n", src.URI)
		return err
	}
	describeRemains(out, &c, remains)
	if !yes {
		if err := confirm(cmd, c.Slot); err != nil {
			return err
		}
	}
	if err := replicator.Teardown(cmd.Context(), c); err != nil {
		return surveyError(err)
	}
	_, err = fmt.Fprintln(out, "dropped")
	return err
}

func describeRemains(out io.Writer, c *replicator.Config, r replicator.Remains) {
	if r.Slot {
		_, _ = fmt.Fprintf(out, "slot %s, for which the server keeps %.1f MiB of WAL\n", c.Slot, float64(r.WAL)/(1<<20))
	}
	if r.Publication {
		_, _ = fmt.Fprintf(out, "publication %s\n", c.Publication)
	}
	if r.Function {
		_, _ = fmt.Fprintf(out, "(function weir.%q stays: who made it drops it with DROP FUNCTION)\n", c.Publication)
	}
}

// confirm has the user type a name.
func confirm(cmd *cobra.Command, name string) error {
	_, _ = fmt.Fprintf(cmd.OutOrStdout(), "Type %s to drop this: ", name)
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read answer: %w", err)
	}
	if strings.TrimSpace(line) != name {
		return errors.New("nothing was dropped")
	}
	return nil
}
