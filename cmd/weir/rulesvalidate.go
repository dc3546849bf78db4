package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirsync/weir/cmd/internal/config"
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

// validation is what there is to say of a rules text.
type validation struct {
	text        []byte
	definitions int
	found       syncrules.Diagnostics
	server      replicator.Faults // of the database as a whole
}

func (o *validateOptions) validate(ctx context.Context, text []byte) (*validation, error) {
	program, found := syncrules.Compile(text, syncrules.CompileOptions{})
	v := &validation{text: text, found: found}
	if o.source != "" {
		survey, err := replicator.ReadSurvey(ctx, o.source, o.publication, tablesOf(program))
		if err != nil {
			return nil, surveyError(err)
		}
		program, v.found = syncrules.Compile(text, syncrules.CompileOptions{Schema: survey.Schema})
		v.server = survey.Faults
		v.addTables(program, survey)
	}
	if program != nil {
		v.definitions = len(program.Definitions())
	}
	return v, nil
}

// surveyError shows a fault as its two sentences.
func surveyError(err error) error {
	var fault *replicator.Fault
	if errors.As(err, &fault) && fault.Hint != "" {
		return fmt.Errorf("%s\n  = %s", fault.Message, fault.Hint)
	}
	return err
}

// tablesOf are the tables of the source that definitions read; none if the rules have faults.
func tablesOf(program *syncrules.Program) []syncrules.TablePattern {
	var all []syncrules.TablePattern
	if program == nil {
		return nil
	}
	for _, d := range program.Definitions() {
		for _, t := range d.Tables() {
			if t.Connection == "default" && !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	return all
}

// addTables adds what keeps tables from being replicated, at the first place that names each. That a table does not exist Compile has
// said. A wildcard takes what it can.
func (v *validation) addTables(program *syncrules.Program, survey *replicator.Survey) {
	if program == nil {
		return
	}
	tables := tablesOf(program)
	seen := map[string]bool{}
	for _, ref := range program.References() {
		if !slices.Contains(tables, ref.Table) {
			continue
		}
		severity := syncrules.Fatal
		if ref.Table.Wildcard {
			severity = syncrules.Warning
		}
		for _, f := range survey.TableFaults(ref.Table) {
			if seen[f.Message] || missing(survey.Schema, ref.Table) {
				continue
			}
			seen[f.Message] = true
			v.found = append(v.found, syncrules.Diagnostic{
				Severity: severity, Message: f.Message, Hint: f.Hint, Definition: ref.Definition, Start: ref.Start, End: ref.End,
			})
		}
	}
	slices.SortStableFunc(v.found, func(a, b syncrules.Diagnostic) int { return a.Start.Offset - b.Start.Offset })
}

func missing(schema *syncrules.Schema, p syncrules.TablePattern) bool {
	return schema == nil || !slices.ContainsFunc(schema.Tables, func(rel syncrules.Relation) bool { return p.Matches(&rel) })
}

func (v *validation) ok() bool { return !v.found.Fatal() && len(v.server) == 0 }

func (v *validation) print(out io.Writer, file string, asJSON bool) error {
	var err error
	if asJSON {
		err = v.printJSON(out, file)
	} else {
		err = v.printText(out, file)
	}
	if err == nil && !v.ok() {
		return errReported
	}
	return err
}

func (v *validation) printText(out io.Writer, file string) error {
	if _, err := io.WriteString(out, v.found.Render(file, v.text)); err != nil {
		return err
	}
	for _, f := range v.server {
		if _, err := fmt.Fprintf(out, "source: error: %s\n      = %s\n", f.Message, f.Hint); err != nil {
			return err
		}
	}
	if !v.ok() {
		return nil
	}
	_, err := fmt.Fprintf(out, "%s can be deployed (definitions: %d)\n", file, v.definitions)
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
	for _, f := range v.server {
		all = append(all, jsonDiagnostic{file, 1, 1, 1, 1, syncrules.Fatal.String(), f.Message, f.Hint, ""})
	}
	for _, d := range v.found {
		all = append(all, jsonDiagnostic{
			file, d.Start.Line, d.Start.Column, d.End.Line, d.End.Column, d.Severity.String(), d.Message, d.Hint, d.Definition,
		})
	}
	return printJSON(out, all)
}
