package main

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/cmd/internal/demo"
	"github.com/weirsync/weir/cmd/internal/logs"
)

const demoHelp = `Show rows travel from a Postgres of its own to the clients of two users.

It needs nothing: it finds a PostgreSQL on the machine or fetches one, starts it
in a temporary folder, fills it with a restaurant guide, starts weir on it and
writes a change every second. Each is shown with the time from its commit until
a client had it. At the end, or at Ctrl-C, everything is removed.

Exit codes: 0 every change arrived at the clients that should see it and at no
other, and their rows are what SQL says; 1 not so.`

func newDemo() *cobra.Command {
	var lasts time.Duration
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show rows travel from Postgres to two clients",
		Long:  demoHelp,
		Args:  takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if lasts < 0 {
				return usagef("--for %s is negative", lasts)
			}
			err := demo.Run(cmd.Context(), demo.Options{
				For: lasts, Out: cmd.OutOrStdout(), Color: colorful(cmd.OutOrStdout()),
				Log:     logs.New(cmd.ErrOrStderr(), config.Log{Level: slog.LevelWarn}),
				Program: program(),
			})
			if errors.Is(err, demo.ErrFailed) {
				return errReported
			}
			return err
		},
	}
	cmd.Flags().DurationVar(&lasts, "for", 0, "end after this `time`, such as 20s (default: at Ctrl-C)")
	return cmd
}

// colorful says whether colours are wanted: by people at a terminal, unless
// they have set NO_COLOR.
func colorful(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == ""
}

// program returns how the user calls weir. "go run" calls it by a path that is
// soon gone.
func program() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./cmd/weir"
	}
	return os.Args[0]
}
