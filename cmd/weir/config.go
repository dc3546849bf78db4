package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/cmd/internal/config"
)

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Tell what can be configured",
		Args:  takes(cobra.NoArgs),
		RunE:  help,
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "reference",
		Short: "Print all keys with type, default and meaning, as Markdown",
		Args:  takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), config.Reference())
			return err
		},
	})
	return cmd
}
