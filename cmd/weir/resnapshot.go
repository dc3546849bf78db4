package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/cmd/internal/adminclient"
)

const resnapshotHelp = `Have a running weir read a table again, beside the stream.

TABLE is the table as the rules name it: items, public.items, or with quotes
'"Odd Schema"."Items"'; of a partitioned table the root. Every row is compared
with what is stored, and only differences are sent to clients; rows that the
table no longer has go.

With --where only rows that meet the SQL condition are read, and no others are
looked at: a row that does not meet it, or is gone, stays as it is. The condition
is evaluated with the rights of the source's role, in a transaction that cannot
write.

While the active version needs the table, clients keep the checkpoint that they
have until the reading is over. --pause holds any reading of the table before
its next chunk, until --resume or the end of weir; --cancel ends one that this
command has begun, and what it has not read stays as it is.`

type resnapshotOptions struct {
	source, where                string
	pause, resume, cancel, await bool
}

func newResnapshot() *cobra.Command {
	var o resnapshotOptions
	cmd := &cobra.Command{
		Use:   "resnapshot TABLE",
		Short: "Have a running weir read a table again",
		Long:  resnapshotHelp,
		Args:  takes(cobra.ExactArgs(1)),
		RunE:  func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) },
	}
	addAdminFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.source, "source", "", "`name` of the source (default: the only one)")
	flags.StringVar(&o.where, "where", "", "read only rows that meet an SQL `condition`")
	flags.BoolVar(&o.pause, "pause", false, "hold the reading of the table")
	flags.BoolVar(&o.resume, "resume", false, "go on with it")
	flags.BoolVar(&o.cancel, "cancel", false, "end a resnapshot")
	flags.BoolVar(&o.await, "wait", false, "wait until the table is complete")
	return cmd
}

func (o *resnapshotOptions) run(cmd *cobra.Command, table string) error {
	request, err := o.request(table)
	if err != nil {
		return err
	}
	c, err := adminClient(cmd)
	if err != nil {
		return err
	}
	defer c.Close()
	var tables []admin.ResnapshotTable
	if err := c.Post(cmd.Context(), "/api/v1/resnapshot", request, &tables); err != nil {
		return err
	}
	if o.await {
		if err := awaitTables(cmd.Context(), c, tables); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "table %s is complete\n", table)
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s of table %s: done; see weir status\n", request.Action, table)
	return err
}

func (o *resnapshotOptions) request(table string) (r admin.ResnapshotRequest, err error) {
	r = admin.ResnapshotRequest{Source: o.source, Where: o.where, Action: admin.ResnapshotStart}
	if r.Schema, r.Table, err = tableName(table); err != nil {
		return r, err
	}
	chosen := 0
	for action, given := range map[string]bool{
		admin.ResnapshotPause: o.pause, admin.ResnapshotResume: o.resume, admin.ResnapshotCancel: o.cancel,
	} {
		if given {
			r.Action = action
			chosen++
		}
	}
	if chosen > 1 {
		return r, usagef("--pause, --resume and --cancel: give one")
	}
	if chosen == 1 && o.where != "" {
		return r, usagef("--where goes with none of --pause, --resume and --cancel")
	}
	if o.pause && o.await {
		return r, usagef("--pause and --wait: a paused table is never complete")
	}
	return r, nil
}

var errTableName = errors.New("not a table's name")

// tableName reads table or schema.table, each of them plain or in double quotes.
func tableName(text string) (schema, table string, err error) {
	var parts []string
	for rest := text; ; {
		part, after, err := namePart(rest)
		if err != nil {
			return "", "", usagef("table %s: want table or schema.table, each plain or in double quotes", text)
		}
		parts = append(parts, part)
		if after == "" {
			break
		}
		rest = after[1:]
	}
	switch len(parts) {
	case 1:
		return "public", parts[0], nil
	case 2:
		return parts[0], parts[1], nil
	}
	return "", "", usagef("table %s: want table or schema.table", text)
}

// namePart reads a name up to a dot outside of quotes, which after begins with.
func namePart(text string) (part, after string, err error) {
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		name, rest, found := strings.Cut(strings.ReplaceAll(quoted, `""`, "\x00"), `"`)
		rest = strings.ReplaceAll(rest, "\x00", `""`)
		if !found || name == "" || rest != "" && (rest[0] != '.' || rest == ".") {
			return "", "", errTableName
		}
		return strings.ReplaceAll(name, "\x00", `"`), rest, nil
	}
	i := strings.IndexByte(text, '.')
	if i < 0 {
		i = len(text)
	}
	if part, after = text[:i], text[i:]; part == "" || after == "." || strings.Contains(part, `"`) {
		return "", "", errTableName
	}
	return part, after, nil
}

// awaitTables returns when the tables are complete in their generation or a later one.
func awaitTables(ctx context.Context, c *adminclient.Client, tables []admin.ResnapshotTable) error {
	tick := time.NewTicker(watchEvery / 4)
	defer tick.Stop()
	for {
		var s admin.Overview
		if err := c.Get(ctx, "/api/v1/status", &s); err != nil {
			return err
		}
		if done, err := complete(&s, tables); done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// complete tells whether all tables are done; one that is not there any more is. It returns why a resnapshot was given up.
func complete(s *admin.Overview, tables []admin.ResnapshotTable) (bool, error) {
	want := map[admin.ResnapshotTable]bool{}
	for _, t := range tables {
		want[admin.ResnapshotTable{Source: t.Source, ID: t.ID}] = true
	}
	done := true
	for _, source := range s.Sources {
		for _, t := range source.Tables {
			if !want[admin.ResnapshotTable{Source: source.Name, ID: t.ID}] {
				continue
			}
			if t.Failed != "" {
				return false, fmt.Errorf("resnapshot of table %s.%s was given up: %s", t.Schema, t.Name, t.Failed)
			}
			done = done && t.Phase == "done"
		}
	}
	return done, nil
}
