package buckets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/weirsync/weir/storage"
	"github.com/weirsync/weir/syncrules"
)

// Deploy makes text the next version and returns it. A text of the same meaning as the deploying or the active version changes nothing
// and returns that one (I11); what else was deploying ends. Definitions that a live version has already keep their ids, data, progress and
// bucket names, also those of a deploy that this one replaces: if nothing is new, the version is active when Deploy returns. Faults are
// returned as Diagnostics that are fatal, with a zero Version; Versions has the text as a failed one then, which changes nothing.
func (s *Store) Deploy(ctx context.Context, text, note string) (Version, syncrules.Diagnostics, error) {
	program, diagnostics := syncrules.Compile([]byte(text), syncrules.CompileOptions{})
	if program == nil {
		return Version{}, diagnostics, s.do(ctx, func(b *batch) error { return b.reject(text, note, rulesFault(diagnostics)) })
	}
	v, err := s.change(ctx, func(b *batch) (VersionID, error) { return b.deploy(program, text, note) })
	return v, diagnostics, err
}

// change runs fn in the writer and returns the version that it names as it stands then: fn's own batch may have activated it.
func (s *Store) change(ctx context.Context, fn func(*batch) (VersionID, error)) (Version, error) {
	id := make(chan VersionID, 1)
	err := s.do(ctx, func(b *batch) error {
		v, err := fn(b)
		id <- v
		return err
	})
	if err != nil { // of ctx: the job may still run
		return Version{}, err
	}
	return s.public(<-id), nil
}

func (b *batch) deploy(program *syncrules.Program, text, note string) (VersionID, error) {
	c := &b.s.catalog
	if v := c.deploying; v != nil && v.means(program) {
		return v.ID, nil
	}
	const replaced = "replaced by a newer deploy"
	if v := c.active; v != nil && v.means(program) {
		return v.ID, b.end(c.deploying, replaced)
	}
	now := b.s.opts.Now().UTC()
	v := &version{Version: Version{ID: b.counters.Version, State: Deploying, Text: text, Note: note, Created: now, Changed: now}}
	b.counters.Version++
	for _, rules := range synced(program) {
		id, err := b.definition(rules)
		if err != nil {
			return 0, err
		}
		v.ids = append(v.ids, id)
	}
	old := c.deploying
	var err error
	b.s.update(func() {
		if err = c.attach(v, program); err == nil {
			c.addVersion(v)
		}
	})
	if err != nil {
		return 0, err
	}
	b.look = true
	b.s.log.Info("rules version deploying", "version", v.ID, "definitions", len(v.ids))
	if err := b.tx.PutVersion(v.ID, v.record()); err != nil {
		return 0, err
	}
	return v.ID, b.end(old, replaced) // last, so that what both have lives on
}

// reject keeps a text that does not compile for whoever looks at the history, once however often it comes.
func (b *batch) reject(text, note string, reason error) error {
	c := &b.s.catalog
	if n := len(c.versions); n > 0 && c.versions[n-1].State == Failed && c.versions[n-1].Text == text {
		return nil
	}
	now := b.s.opts.Now().UTC()
	v := &version{Version: Version{
		ID: b.counters.Version, State: Failed, Text: text, Note: note, Reason: reason.Error(), Created: now, Changed: now,
	}}
	b.counters.Version++
	b.s.update(func() { c.addVersion(v) })
	return b.tx.PutVersion(v.ID, v.record())
}

// definition returns the id of the living definition with the meaning of rules, or a new one (I3b).
func (b *batch) definition(rules *syncrules.Definition) (DefinitionID, error) {
	if d := b.s.catalog.find(rules); d != nil {
		return d.id, nil
	}
	id := b.counters.Definition
	b.counters.Definition++
	rec := storage.Definition{Name: rules.Name, Fingerprint: bytes.Clone(rules.Fingerprint[:])}
	b.s.update(func() { b.s.catalog.addDefinition(id, rec) })
	return id, b.tx.PutDefinition(id, rec)
}

// Planned declares that every relation of source that defs read has been tracked, and that this is not so for other definitions. A
// version becomes active when all its definitions are planned for every source and all its tables are Done.
func (s *Store) Planned(ctx context.Context, source string, defs []DefinitionID) error {
	return s.do(ctx, func(b *batch) error {
		s.update(func() {
			for id, d := range s.catalog.definitions {
				d.planned[source] = slices.Contains(defs, id)
			}
		})
		return nil
	})
}

// rulesFault names the first fatal fault of a text that does not compile, with its place.
func rulesFault(faults syncrules.Diagnostics) error {
	i := slices.IndexFunc(faults, func(d syncrules.Diagnostic) bool { return d.Severity == syncrules.Fatal })
	if i < 0 {
		return errors.New("it does not compile")
	}
	return fmt.Errorf("line %d, column %d: %s", faults[i].Start.Line, faults[i].Start.Column, faults[i].Message)
}
