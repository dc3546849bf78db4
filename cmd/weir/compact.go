package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/storage"
)

const compactHelp = `Drop what no client needs of the history in a store: the data of replaced and
deleted rows. A running weir does that by itself, but not at once; this does it
now and completely, while clients and replication go on.

What is dropped makes room for new data in the file. With --file the file itself
becomes smaller: it is copied beside the old one and takes its place, for which
the disk needs room.

Without STORE it is the running weir that compacts; with STORE a file that no
weir has open.`

func newCompact() *cobra.Command {
	var file, asJSON bool
	cmd := &cobra.Command{
		Use:   "compact [STORE]",
		Short: "Make a store smaller",
		Long:  compactHelp,
		Args:  takes(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var done admin.Compaction
			if len(args) == 1 {
				done, err = compactOffline(cmd, args[0], file)
			} else {
				done, err = compactOnline(cmd, file)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), done)
			}
			return printCompaction(cmd.OutOrStdout(), &done)
		},
	}
	addAdminFlags(cmd)
	cmd.Flags().BoolVar(&file, "file", false, "give unused space back to the disk")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

func compactOnline(cmd *cobra.Command, file bool) (out admin.Compaction, err error) {
	c, err := adminClient(cmd)
	if err != nil {
		return out, err
	}
	defer c.Close()
	return out, c.Post(cmd.Context(), "/api/v1/store/compact", map[string]bool{"file": file}, &out)
}

func compactOffline(cmd *cobra.Command, path string, file bool) (admin.Compaction, error) {
	stats, fileStats, err := buckets.CompactOffline(cmd.Context(), path, file)
	if errors.Is(err, storage.ErrLocked) {
		return admin.Compaction{}, fmt.Errorf("%w\n  = leave out the file's name to have the weir that has it open compact it", err)
	}
	if err != nil || !file {
		return admin.CompactionOf(stats, nil), err
	}
	return admin.CompactionOf(stats, &fileStats), nil
}

func printCompaction(out io.Writer, c *admin.Compaction) error {
	_, err := fmt.Fprintf(out, "%d buckets compacted: %d operations emptied, %d dropped, %d bytes free for new data\n",
		c.Buckets, c.Moved, c.Dropped, c.Bytes)
	if err == nil && c.File != nil {
		_, err = fmt.Fprintf(out, "the file went from %d to %d bytes; commits waited %.0f ms\n", c.File.Before, c.File.After, c.File.PausedMS)
	}
	return err
}
