package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/cmd/internal/adminclient"
	"github.com/weirsync/weir/storage"
)

const backupHelp = `Write the store to a new file, as it is at one moment, while clients and
replication go on. FILE appears when it is complete and on the disk; a file that
is there already is never replaced.

Without STORE it is the running weir that writes its store, on its own machine
and as its own user; with STORE it is a file that no weir has open.

To restore, put the backup in the place of store.path while weir is stopped. Weir
knows that it is a backup: it serves nothing of it until it was compared with its
sources, and reads again what changed since.`

func newBackup() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backup FILE [STORE]",
		Short: "Copy a store while it is in use",
		Long:  backupHelp,
		Args:  takes(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var done admin.Backup
			if len(args) == 2 {
				done, err = backupOffline(cmd.Context(), args[0], args[1])
			} else {
				done, err = backupOnline(cmd, args[0])
			}
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), done)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d bytes of a store of %d; commits waited %.0f ms\n", args[0], done.Bytes, done.Store, done.PausedMS)
			return err
		},
	}
	addAdminFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

func backupOnline(cmd *cobra.Command, path string) (out admin.Backup, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return out, fmt.Errorf("find %s: %w", path, err)
	}
	c, err := adminClient(cmd)
	if err != nil {
		return out, err
	}
	defer c.Close()
	if onTerminal(cmd.ErrOrStderr()) {
		ctx, stop := context.WithCancel(cmd.Context())
		var showing sync.WaitGroup
		showing.Go(func() { showCopy(ctx, c, cmd.ErrOrStderr()) })
		defer showing.Wait()
		defer stop()
	}
	return out, c.Post(cmd.Context(), "/api/v1/store/backup", map[string]string{"path": path}, &out)
}

// copyEvery is how often progress is looked at.
const copyEvery = 500 * time.Millisecond

// showCopy draws a bar over and over until ctx ends, and leaves nothing of it.
func showCopy(ctx context.Context, c *adminclient.Client, out io.Writer) {
	tick := time.NewTicker(copyEvery)
	defer tick.Stop()
	defer fmt.Fprint(out, "\r\x1b[K") //nolint:errcheck // a bar is no result
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		var s admin.Overview
		if err := c.Get(ctx, "/api/v1/status", &s); err == nil && s.Store.Copy != nil {
			_, _ = fmt.Fprintf(out, "\r\x1b[K%s", copyBar(s.Store.Copy))
		}
	}
}

func copyBar(c *admin.CopyStatus) string {
	percent := int64(100)
	if c.Whole > 0 {
		percent = c.Bytes * 100 / c.Whole
	}
	return fmt.Sprintf("%3d %% of %d MiB", percent, c.Whole>>20)
}

func backupOffline(ctx context.Context, path, store string) (admin.Backup, error) {
	stats, err := buckets.BackupOffline(ctx, store, path)
	if errors.Is(err, storage.ErrLocked) {
		return admin.Backup{}, fmt.Errorf("%w\n  = leave out the store's name to have the weir that has it open back it up", err)
	}
	return admin.BackupOf(stats), err
}
