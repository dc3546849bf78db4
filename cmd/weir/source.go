package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/cmd/internal/judge"
	"github.com/weirsync/weir/replicator"
	"github.com/weirsync/weir/syncrules"
)

func newSource() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "source",
		Short: "Work with source databases",
		Args:  takes(cobra.NoArgs),
		RunE:  help,
	}
	cmd.AddCommand(newSourceSQL())
	return cmd
}

const sourceSQLHelp = `Print the SQL by which a DBA prepares a source for weir: a role that owns nothing
and may only read the tables that the rules name, the publication with these
tables, and a SECURITY DEFINER function by which weir can add more of them when
the rules change (not with publication_management: manual).

The role is the user of the source's uri. Nothing is connected to. The SQL can be
run again, for example after the rules have changed:

  weir source sql --config weir.yaml | psql "$ADMIN_URI"`

func newSourceSQL() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sql",
		Short: "Print the SQL that prepares a source for weir",
		Long:  sourceSQLHelp,
		Args:  takes(cobra.NoArgs),
		RunE:  sourceSQL,
	}
	addConfigFlag(cmd)
	addKeyFlags(cmd)
	addSourceName(cmd)
	return cmd
}

func sourceSQL(cmd *cobra.Command, _ []string) error {
	cfg, err := loadConfig(cmd, true)
	if err != nil {
		return err
	}
	src, err := namedSource(cmd, cfg)
	if err != nil {
		return err
	}
	var program *syncrules.Program
	if cfg.Rules.Path != "" {
		text, err := readInput(cfg.Rules.Path, cmd.InOrStdin())
		if err != nil {
			return fmt.Errorf("read rules: %w; their tables have to be known", err)
		}
		var faults syncrules.Diagnostics
		if program, faults = syncrules.Compile(text, syncrules.CompileOptions{}); program == nil {
			_, _ = io.WriteString(cmd.ErrOrStderr(), faults.Render(cfg.Rules.Path, text))
			return errReported
		}
	}
	sql, err := replicator.SetupSQL(replicaOf(src), judge.Tables(program, src.Name))
	if err != nil {
		return surveyError(err)
	}
	_, err = io.WriteString(cmd.OutOrStdout(), sql)
	return err
}

// addSourceName gives a command --name.
func addSourceName(cmd *cobra.Command) {
	cmd.Flags().String("name", "", "`name` of the source, where the configuration has several")
}

// namedSource is the source of --name, or the only one.
func namedSource(cmd *cobra.Command, cfg *config.Config) (*config.Source, error) {
	name := cmd.Flag("name").Value.String()
	if name == "" && len(cfg.Sources) == 1 {
		return &cfg.Sources[0], nil
	}
	var names []string
	for i := range cfg.Sources {
		if cfg.Sources[i].Name == name {
			return &cfg.Sources[i], nil
		}
		names = append(names, cfg.Sources[i].Name)
	}
	return nil, usagef("--name %q is none of the sources %q", name, names)
}

// replicaOf is a source as package replicator knows it.
func replicaOf(src *config.Source) replicator.Config {
	return replicator.Config{
		Name: src.Name, URI: string(src.URI), PrimaryURI: string(src.PrimaryURI), Slot: src.Slot, Publication: src.Publication, Manual: src.Manual(),
	}
}
