package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/cmd/internal/logs"
	"github.com/weirsync/weir/cmd/internal/service"
)

const serveHelp = `Replicate and serve until a signal comes.

A source that is down is waited for. The slot and the publication are created if
they are missing; stopping does not drop them, so that nothing is lost until the
next start. The first SIGINT or SIGTERM stops gracefully, a second one at once.
SIGUSR1 writes what each goroutine is doing to standard error.`

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Replicate and serve until a signal comes",
		Long:  serveHelp,
		Args:  takes(cobra.NoArgs),
		RunE:  serve,
	}
	addConfigFlag(cmd)
	addKeyFlags(cmd)
	return cmd
}

func serve(cmd *cobra.Command, _ []string) error {
	cfg, err := loadConfig(cmd, true)
	if err != nil {
		return err
	}
	defer diagnose(cmd.ErrOrStderr())()
	log := logs.New(cmd.ErrOrStderr(), cfg.Log)
	for again := true; again; {
		s, err := service.New(cfg, log)
		if err != nil {
			return fmt.Errorf("start: %w", err)
		}
		// A write that failed half way leaves a sound file, and a memory that is ahead of it: only the file counts.
		err = s.Run(cmd.Context())
		if again = errors.Is(err, buckets.ErrDiskFull) && cmd.Context().Err() == nil; err != nil && !again {
			return err
		}
		if again {
			log.Warn("the store is opened again, after a write that found no room", "error", err)
		}
	}
	for i := range cfg.Sources {
		src := &cfg.Sources[i]
		log.Warn("stopped; the slot is kept, and with it the WAL that the next start needs. If there will be none: weir teardown",
			"source", src.Name, "slot", src.Slot, "publication", src.Publication)
	}
	return nil
}
