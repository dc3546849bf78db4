package doctor

import (
	"context"

	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/replicator"
)

// Level says how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // it works, but maybe not for long, or not for everybody
	Fault   Level = "fault"   // has to be mended
)

// Code names a kind of finding, as replicator.Code does for those about sources. Findings that are OK have none.
type Code string

// The codes of findings that are not about a source.
const (
	CodeConfig      Code = "config"
	CodeRules       Code = "rules"
	CodeNoRules     Code = "no-rules"
	CodeStore       Code = "store"
	CodeDisk        Code = "disk"
	CodeKeys        Code = "keys"
	CodeKeyFetch    Code = "key-fetch"
	CodeAPIToken    Code = "api-token"
	CodeExposed     Code = "exposed"
	CodeCertificate Code = "certificate"
)

// Codes lists the codes of all findings, those of sources among them.
func Codes() []Code {
	all := []Code{
		CodeConfig, CodeRules, CodeNoRules, CodeStore, CodeDisk, CodeKeys, CodeKeyFetch, CodeAPIToken, CodeExposed, CodeCertificate,
	}
	for _, c := range replicator.Codes() {
		all = append(all, Code(c))
	}
	return all
}

// Finding is one thing that was looked at.
type Finding struct {
	Level   Level  `json:"level"`
	Code    Code   `json:"code,omitempty"`
	Subject string `json:"subject"` // rules, store, source main
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to do, with the SQL that does it
}

// Findings are in the order in which they were found.
type Findings []Finding

func (f *Findings) ok(subject, message string) {
	*f = append(*f, Finding{Level: OK, Subject: subject, Message: message})
}

func (f *Findings) warn(code Code, subject, message, hint string) {
	*f = append(*f, Finding{Warning, code, subject, message, hint})
}

func (f *Findings) fault(code Code, subject, message, hint string) {
	*f = append(*f, Finding{Fault, code, subject, message, hint})
}

// Count is how many findings have the level.
func (f Findings) Count(level Level) (n int) {
	for i := range f {
		if f[i].Level == level {
			n++
		}
	}
	return n
}

// Examine looks at everything. cfg is one that config.Load has accepted.
func Examine(ctx context.Context, cfg *config.Config) Findings {
	var found Findings
	rules := found.readRules(cfg.Rules.Path)
	for i := range cfg.Sources {
		found.source(ctx, &cfg.Sources[i], rules)
	}
	found.rules(rules)
	found.store(&cfg.Store)
	found.keys(ctx, cfg)
	found.listen(cfg)
	return found
}
