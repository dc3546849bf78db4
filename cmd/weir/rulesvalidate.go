package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/cmd/internal/judge"
	"github.com/weirsync/weir/replicator"
	"github.com/weirsync/weir/syncrules"
)

const rulesValidateHelp = `Report all that is wrong or odd in a rules file, each with its place, what is
wrong and what to write instead.

An error keeps the rules from being deployed, a warning does not. A notice
points at a comparison that is true for more people than it may seem.

FILE is a rules file, or - for standard input. With --source the tables that
the rules name are looked up in that database too: whether they and their
columns exist, and whether weir could replicate them (replica identity,
privileges, row-level security, publication). Nothing is changed there.

--json prints an array for editors, of objects with file, line, column, endLine,
endColumn (from 1, columns in characters, the end is behind the last one),
severity, message, hint and definition. What concerns the database as a whole
has line 1.

Exit codes: 0 the rules can be deployed (there may be warnings), 1 they cannot.`

// validateOptions are the flags of the command.
type validateOptions struct {
	source      string
	publication string
	json        bool
}

func newRulesValidate() *cobra.Command {
	var o validateOptions
	cmd := &cobra.Command{
		Use:   "validate FILE",
		Short: "Report what is wrong or odd in a rules file",
		Long:  rulesValidateHelp,
		Args:  takes(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readInput(args[0], cmd.InOrStdin())
			if err != nil {
				return fmt.Errorf("read rules: %w", err)
			}
			v, err := o.validate(cmd.Context(), text)
			if err != nil {
				return err
			}
			return v.print(cmd.OutOrStdout(), args[0], o.json)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.source, "source", "", "`uri` of a database to check the rules against")
	flags.StringVar(&o.publication, "publication", config.PublicationDefault, "`name` of the publication there")
	flags.BoolVar(&o.json, "json", false, "print a JSON array")
	return cmd
}

// validation is a verdict to be shown.
type validation struct{ *judge.Verdict }

func (o *validateOptions) validate(ctx context.Context, text []byte) (*validation, error) {
	var sources []judge.Source
	if o.source != "" {
		sources = append(sources, judge.Source{Name: config.SourceNameDefault, URI: o.source, Publication: o.publication})
	}
	v, err := judge.Text(ctx, text, sources...)
	if err != nil {
		return nil, surveyError(err)
	}
	return &validation{v}, nil
}

// surveyError shows a fault as its two sentences.
func surveyError(err error) error {
	var fault *replicator.Fault
	if errors.As(err, &fault) && fault.Hint != "" {
		return fmt.Errorf("%s\n  = %s", fault.Message, fault.Hint)
	}
	return err
}

func (v *validation) print(out io.Writer, file string, asJSON bool) error {
	var err error
	if asJSON {
		err = v.printJSON(out, file)
	} else {
		err = v.printText(out, file)
	}
	if err == nil && !v.OK() {
		return errReported
	}
	return err
}

func (v *validation) printText(out io.Writer, file string) error {
	if _, err := io.WriteString(out, v.Found.Render(file, v.Text)); err != nil {
		return err
	}
	for _, f := range v.Faults {
		if _, err := fmt.Fprintf(out, "source: error: %s\n      = %s\n", f.Message, f.Hint); err != nil {
			return err
		}
	}
	if !v.OK() {
		return nil
	}
	_, err := fmt.Fprintf(out, "%s can be deployed (definitions: %d)\n", file, len(v.Program.Definitions()))
	return err
}

// jsonDiagnostic is how editors get a diagnostic.
type jsonDiagnostic struct {
	File       string `json:"file"`
	Line       int    `json:"line"`
	Column     int    `json:"column"`
	EndLine    int    `json:"endLine"`
	EndColumn  int    `json:"endColumn"`
	Severity   string `json:"severity"` // error, warning, notice
	Message    string `json:"message"`
	Hint       string `json:"hint,omitempty"`
	Definition string `json:"definition,omitempty"`
}

func (v *validation) printJSON(out io.Writer, file string) error {
	all := []jsonDiagnostic{}
	for _, f := range v.Faults {
		all = append(all, jsonDiagnostic{file, 1, 1, 1, 1, syncrules.Fatal.String(), f.Message, f.Hint, ""})
	}
	for _, d := range v.Found {
		all = append(all, jsonDiagnostic{
			file, d.Start.Line, d.Start.Column, d.End.Line, d.End.Column, d.Severity.String(), d.Message, d.Hint, d.Definition,
		})
	}
	return printJSON(out, all)
}
