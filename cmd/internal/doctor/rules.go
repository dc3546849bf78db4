package doctor

import (
	"fmt"
	"os"

	"github.com/weirsync/weir/cmd/internal/judge"
	"github.com/weirsync/weir/replicator"
	"github.com/weirsync/weir/syncrules"
)

const subjectRules = "rules"

// rulesFile is the rules file and what the sources have told of its tables.
type rulesFile struct {
	path    string
	text    []byte
	program *syncrules.Program // nil: there is none that compiles
	schema  syncrules.Schema   // of the sources that could be asked
	asked   map[string]*replicator.Survey
}

func (f *Findings) readRules(path string) *rulesFile {
	r := &rulesFile{path: path, asked: map[string]*replicator.Survey{}}
	if path == "" {
		return r
	}
	var err error
	if r.text, err = os.ReadFile(path); err != nil {
		f.fault(CodeRules, subjectRules, err.Error(), "write the file, or name another one as rules.path")
		return r
	}
	r.program, _ = syncrules.Compile(r.text, syncrules.CompileOptions{})
	return r
}

// tables are those that the rules name at a source.
func (r *rulesFile) tables(source string) []syncrules.TablePattern {
	return judge.Tables(r.program, source)
}

// survey takes what a source told into account.
func (r *rulesFile) survey(source string, s *replicator.Survey) {
	r.asked[source] = s
	for _, rel := range s.Schema.Tables {
		rel.Connection = source
		r.schema.Tables = append(r.schema.Tables, rel)
	}
}

// rules reports what the compiler finds, with the sources' tables before it if all could be asked.
func (f *Findings) rules(r *rulesFile) {
	if r.text == nil {
		if r.path == "" {
			f.warn(CodeNoRules, subjectRules, "no file is configured: weir serves what was deployed through its API, or nothing",
				"write rules.path, or deploy with: weir rules deploy FILE")
		}
		return
	}
	options := syncrules.CompileOptions{}
	if len(r.asked) > 0 {
		options.Schema = &r.schema
	}
	program, diagnostics := syncrules.Compile(r.text, options)
	for _, d := range diagnostics {
		message := fmt.Sprintf("%s:%d:%d: %s", r.path, d.Start.Line, d.Start.Column, d.Message)
		switch {
		case d.Severity == syncrules.Fatal:
			f.fault(CodeRules, subjectRules, message, d.Hint)
		case d.Severity == syncrules.Warning && !r.aboutTable(&d):
			f.warn(CodeRules, subjectRules, message, d.Hint)
		}
	}
	if program != nil {
		f.ok(subjectRules, fmt.Sprintf("%s compiles (definitions: %d)", r.path, len(program.Definitions())))
	}
}

// aboutTable tells that a diagnostic is about a table that its source has a finding of, or that could not be asked for.
func (r *rulesFile) aboutTable(d *syncrules.Diagnostic) bool {
	for _, ref := range r.program.References() {
		if ref.Start != d.Start {
			continue
		}
		survey := r.asked[ref.Table.Connection]
		return survey == nil || len(survey.TableFaults(ref.Table)) > 0
	}
	return false
}
