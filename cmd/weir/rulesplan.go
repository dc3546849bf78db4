package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/cmd/internal/config"
)

// showPlan prints a plan. errReported: the rules can't be deployed.
func showPlan(cmd *cobra.Command, p *admin.Plan, file string, asJSON bool) error {
	var err error
	if asJSON {
		err = printJSON(cmd.OutOrStdout(), p)
	} else {
		err = printPlan(cmd.OutOrStdout(), p, file)
	}
	if err == nil && !p.Valid {
		return errReported
	}
	return err
}

// signs are how changes look.
var signs = map[string]string{"unchanged": " ", "added": "+", "changed": "~", "removed": "-"}

func printPlan(out io.Writer, p *admin.Plan, file string) error {
	for _, d := range p.Diagnostics {
		place := file
		if d.Source != "" {
			place = "source " + d.Source
		}
		if d.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d", file, d.Line, d.Column)
		}
		_, _ = fmt.Fprintf(out, "%s: %s: %s\n", place, d.Severity, d.Message)
		if d.Hint != "" {
			_, _ = fmt.Fprintf(out, "  = %s\n", d.Hint)
		}
	}
	if !p.Valid {
		_, err := fmt.Fprintf(out, "%s can't be deployed\n", file)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, d := range p.Definitions {
		_, _ = fmt.Fprintf(w, "%s %s\t%s\t%s\n", signs[d.Change], d.Name, d.Change, definitionNote(&d))
	}
	if err := w.Flush(); err != nil { // the writer keeps the first error
		return err
	}
	_, err := io.WriteString(out, planSummary(p))
	return err
}

func definitionNote(d *admin.DefinitionPlan) string {
	switch {
	case d.Change == "unchanged", d.Change == "removed" && d.Buckets == 0:
		return ""
	case d.Change == "removed":
		return fmt.Sprintf("%s and %s go", count(d.Buckets, "bucket"), count(d.Ops, "op"))
	case d.Stored:
		return "its data is still there"
	}
	return "needs " + strings.Join(d.Tables, ", ")
}

// planSummary says what is read and who notices.
func planSummary(p *admin.Plan) string {
	var b strings.Builder
	if p.SameMeaning {
		return fmt.Sprintf("the same meaning as version %d: nothing is read, nothing is sent\n", p.Version)
	}
	reads := false
	for _, t := range p.Tables {
		rows := "of unknown size (never analyzed)"
		if t.Rows != nil {
			rows = fmt.Sprintf("about %s, %s", count(*t.Rows, "row"), size(t.Bytes))
		}
		name := t.Schema + "." + t.Name
		if t.Source != config.SourceNameDefault {
			name = t.Source + ": " + name
		}
		if t.Stored {
			fmt.Fprintf(&b, "takes %s from the store, %s\n", name, rows)
			continue
		}
		reads = true
		fmt.Fprintf(&b, "reads %s, %s\n", name, rows)
	}
	if !reads {
		b.WriteString("reads nothing\n")
	} else if p.Seconds > 0 {
		fmt.Fprintf(&b, "takes about %s at the last measured rate of %.0f rows/s\n", took(p.Seconds), p.Rate)
	}
	fmt.Fprintf(&b, "clients: %d connected, %d concerned; %s with %s replaced or removed\n",
		p.Clients.Connected, p.Clients.Concerned, count(p.Buckets, "bucket"), count(p.Ops, "op"))
	return b.String()
}

func took(seconds float64) time.Duration {
	return max(time.Duration(seconds*float64(time.Second)).Round(time.Second), time.Second)
}

// size is a number of bytes as people say it.
func size(bytes int64) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%d KiB", (bytes+1<<10-1)>>10)
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}

// count is a number with its noun.
func count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
