package main

import (
	"encoding/json"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/cmd/internal/adminclient"
	"github.com/weirsync/weir/cmd/internal/statusview"
)

const statusHelp = `Show how a running weir is: per source its state, the place and the lag of the
stream and the health of the slot, how far each table is, the rules versions
that live, and memory. With bars on a terminal, as lines of facts elsewhere.`

// watchEvery is how often --watch looks.
const watchEvery = time.Second

const clearScreen = "\x1b[H\x1b[2J"

func newStatus() *cobra.Command {
	var asJSON, watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how a running weir is",
		Long:  statusHelp,
		Args:  takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := adminClient(cmd)
			if err != nil {
				return err
			}
			defer c.Close()
			return showStatus(cmd, c, asJSON, watch)
		},
	}
	addAdminFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, with --watch an object a line")
	cmd.Flags().BoolVar(&watch, "watch", false, "show it again every second until a signal comes")
	return cmd
}

func showStatus(cmd *cobra.Command, c *adminclient.Client, asJSON, watch bool) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		var s admin.Overview
		if err := c.Get(ctx, "/api/v1/status", &s); err != nil {
			if watch && ctx.Err() != nil {
				return nil
			}
			return err
		}
		if err := printOverview(out, &s, asJSON, watch); err != nil || !watch {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func printOverview(out io.Writer, s *admin.Overview, asJSON, watch bool) error {
	switch {
	case asJSON && watch:
		return json.NewEncoder(out).Encode(s)
	case asJSON:
		return printJSON(out, s)
	case watch && onTerminal(out):
		if _, err := io.WriteString(out, clearScreen); err != nil {
			return err
		}
	}
	return statusview.Write(out, s, onTerminal(out))
}

func onTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
