package deploys

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/admin"
	"github.com/weirsync/weir/clients/reply"
	"github.com/weirsync/weir/cmd/internal/judge"
	"github.com/weirsync/weir/replicator"
	"github.com/weirsync/weir/syncrules"
)

// Source is a running source and where its catalog is read.
type Source struct {
	*replicator.Source
	Catalog judge.Source
	Slot    string
}

// Deploys deploys to one store. It is what package admin calls Rules.
type Deploys struct {
	store   *buckets.Store
	sources []Source
	log     *slog.Logger
}

// New returns the deploys of a store that the sources feed.
func New(store *buckets.Store, sources []Source, log *slog.Logger) *Deploys {
	return &Deploys{store: store, sources: sources, log: log}
}

// judge compiles a text and compares it with all sources.
func (d *Deploys) judge(ctx context.Context, text string) (*judge.Verdict, error) {
	var sources []judge.Source
	for _, src := range d.sources {
		sources = append(sources, src.Catalog)
	}
	v, err := judge.Text(ctx, []byte(text), sources...)
	if err != nil && ctx.Err() == nil {
		return nil, &reply.Error{
			Status: http.StatusServiceUnavailable, Code: codeSource, Text: "The rules can't be compared with the source", Details: err.Error(),
		}
	}
	return v, err
}

// Deploy judges a text and makes it the next version. One that can't be deployed is recorded as a failed version, and the error says why.
func (d *Deploys) Deploy(ctx context.Context, text, message string) (*admin.Deployment, error) {
	v, err := d.judge(ctx, text)
	if err != nil {
		return nil, err
	}
	if !v.OK() {
		if _, err := d.store.Refuse(ctx, text, message, v.Reason()); err != nil {
			return nil, fmt.Errorf("record refused rules: %w", err)
		}
		return nil, &reply.Error{
			Status: http.StatusUnprocessableEntity, Code: "PSYNC_R0001", Text: "Sync config parsing failed", Details: v.Reason(),
		}
	}
	before := d.store.Versions()
	version, _, err := d.store.Deploy(ctx, text, message)
	if err != nil {
		return nil, fmt.Errorf("deploy: %w", err)
	}
	known := slices.ContainsFunc(before, func(old buckets.Version) bool { return old.ID == version.ID })
	return &admin.Deployment{Version: admin.VersionOf(&version), SameMeaning: known, Diagnostics: diagnostics(v)}, nil
}

func diagnostics(v *judge.Verdict) []admin.Diagnostic {
	out := []admin.Diagnostic{}
	for _, f := range v.Faults {
		out = append(out, admin.Diagnostic{Severity: syncrules.Fatal.String(), Message: f.Message, Hint: f.Hint, Source: f.Source})
	}
	for _, x := range v.Found {
		out = append(out, admin.Diagnostic{
			Severity: x.Severity.String(), Message: x.Message, Hint: x.Hint, Definition: x.Definition,
			Line: x.Start.Line, Column: x.Start.Column, EndLine: x.End.Line, EndColumn: x.End.Column, Start: x.Start.Offset, End: x.End.Offset,
		})
	}
	return out
}

// codeSource is the code of the error that a source's catalog can't be read.
const codeSource = "WEIR_SOURCE"
