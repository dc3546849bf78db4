package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/storage"
)

const checkHelp = `Read a whole store file and verify it: its structure, every checksum, every record,
and that they agree with each other. No weir may have the file open.`

func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Verify a store file",
		Long:  checkHelp,
		Args:  takes(cobra.ExactArgs(1)),
		RunE:  check,
	}
}

func check(cmd *cobra.Command, args []string) error {
	r, err := storage.Check(args[0])
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	_, _ = fmt.Fprintf(out, "%s: %d bytes, checkpoint %d, %d versions, %d tables, %d buckets, %d ops in %d blocks, %d rows, %d parameter rows\n",
		args[0], r.Bytes, r.Checkpoint, r.Versions, r.Tables, r.Buckets, r.Ops, r.Blocks, r.Rows, r.Params)
	if r.Reclaiming > 0 {
		_, _ = fmt.Fprintf(out, "%d definitions of removed rules versions are being deleted: weir goes on with that when it runs\n", r.Reclaiming)
	}
	if r.OK() {
		_, _ = fmt.Fprintln(out, "no fault found")
		return nil
	}
	for _, f := range r.Faults {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), f)
	}
	_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "the store is damaged: move it away and start anew, all data will be read from the sources again")
	return errReported
}
