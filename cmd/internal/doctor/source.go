package doctor

import (
	"context"
	"time"

	"github.com/weirsync/weir/cmd/internal/config"
	"github.com/weirsync/weir/replicator"
)

// sourceTimeout bounds what is asked of one source.
const sourceTimeout = 30 * time.Second

func (f *Findings) source(ctx context.Context, src *config.Source, rules *rulesFile) {
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	subject := "source " + src.Name
	e := replicator.Examine(ctx, replicator.Config{
		Name: src.Name, URI: string(src.URI), PrimaryURI: string(src.PrimaryURI), Slot: src.Slot, Publication: src.Publication, Manual: src.Manual(),
	}, rules.tables(src.Name))
	for _, fact := range e.Facts {
		f.ok(subject, fact)
	}
	for _, w := range e.Warnings {
		f.warn(Code(w.Code), subject, w.Message, w.Hint)
	}
	for _, fault := range e.Faults {
		f.fault(Code(fault.Code), subject, fault.Message, fault.Hint)
	}
	if e.Survey != nil && e.Survey.Schema != nil {
		rules.survey(src.Name, e.Survey)
	}
}
