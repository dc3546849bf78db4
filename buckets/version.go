package buckets

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/weirsync/weir/storage"
	"github.com/weirsync/weir/syncrules"
)

// VersionState is where a rules version stands.
type VersionState string

// States of a version.
const (
	Deploying VersionState = "deploying" // its tables are being read
	Active    VersionState = "active"    // clients see it
	Retiring  VersionState = "retiring"  // replaced, its data still kept fresh
	Removed   VersionState = "removed"   // replaced
	Failed    VersionState = "failed"    // never became active; Reason says why
)

// Version is a deployed rules text.
type Version struct {
	ID      VersionID
	State   VersionState
	Text    string
	Note    string
	Reason  string // why it failed
	Created time.Time
	Changed time.Time          // of State
	Program *syncrules.Program // of a live version (deploying or active), else nil
}

// Definition is a definition that a live version needs.
type Definition struct {
	ID    DefinitionID
	Rules *syncrules.Definition
}

// Versions lists the versions, newest first.
func (s *Store) Versions() []Version {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]Version, 0, len(s.catalog.versions))
	for _, v := range slices.Backward(s.catalog.versions) {
		out = append(out, v.Version)
	}
	return out
}

// Definitions lists what the live versions (active and deploying) need, without repetition.
func (s *Store) Definitions() []Definition {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []Definition
	seen := map[DefinitionID]bool{}
	for _, v := range s.catalog.live() {
		for i, rules := range synced(v.Program) {
			if !seen[v.ids[i]] {
				seen[v.ids[i]] = true
				out = append(out, Definition{ID: v.ids[i], Rules: rules})
			}
		}
	}
	return out
}

// Deploy makes text the next version and returns it. A text of the same meaning as the newest live version changes nothing and
// returns that one (I11). Definitions that a live version has already keep their ids, data and bucket names; another version that is
// still deploying is replaced. Faults are returned as Diagnostics that are fatal.
func (s *Store) Deploy(ctx context.Context, text, note string) (Version, syncrules.Diagnostics, error) {
	program, diagnostics := syncrules.Compile([]byte(text), syncrules.CompileOptions{})
	if program == nil {
		return Version{}, diagnostics, nil
	}
	var out Version
	err := s.do(ctx, func(b *batch) (err error) {
		out, err = b.deploy(program, text, note)
		return err
	})
	if err != nil { // of ctx: the job may still run, and write to out
		return Version{}, diagnostics, err
	}
	return out, diagnostics, nil
}

func (b *batch) deploy(program *syncrules.Program, text, note string) (Version, error) {
	c := &b.s.catalog
	if live := c.live(); len(live) > 0 {
		if newest := live[len(live)-1]; c.sameMeaning(newest, program) {
			return newest.Version, nil
		}
	}
	now := b.s.opts.Now().UTC()
	v := &version{Version: Version{ID: b.counters.Version, State: Deploying, Text: text, Note: note, Created: now, Changed: now}}
	b.counters.Version++
	for _, rules := range synced(program) {
		id, err := b.definition(rules)
		if err != nil {
			return Version{}, err
		}
		v.ids = append(v.ids, id)
	}
	if old := c.deploying; old != nil {
		if err := b.setState(old, Failed, "replaced by a newer deploy"); err != nil {
			return Version{}, err
		}
	}
	var err error
	b.s.update(func() {
		if err = c.attach(v, program); err == nil {
			c.addVersion(v)
		}
	})
	if err != nil {
		return Version{}, err
	}
	b.look = true
	b.s.log.Info("rules version deploying", "version", v.ID, "definitions", len(v.ids))
	return v.Version, b.tx.PutVersion(v.ID, v.record())
}

// sameMeaning reports whether program has exactly v's definitions, in any order.
func (c *catalog) sameMeaning(v *version, program *syncrules.Program) bool {
	if len(synced(program)) != len(v.ids) {
		return false
	}
	return !slices.ContainsFunc(synced(program), func(rules *syncrules.Definition) bool {
		return !slices.ContainsFunc(v.ids, func(id DefinitionID) bool { return c.definitions[id].is(rules) })
	})
}

func (d *definition) is(rules *syncrules.Definition) bool {
	return !d.rec.Dead && bytes.Equal(d.rec.Fingerprint, rules.Fingerprint[:])
}

// definition returns the id of the living definition with the meaning of rules, or a new one (I3b).
func (b *batch) definition(rules *syncrules.Definition) (DefinitionID, error) {
	for id, d := range b.s.catalog.definitions {
		if d.is(rules) {
			return id, nil
		}
	}
	id := b.counters.Definition
	b.counters.Definition++
	rec := storage.Definition{Name: rules.Name, Fingerprint: bytes.Clone(rules.Fingerprint[:])}
	b.s.update(func() { b.s.catalog.addDefinition(id, rec) })
	return id, b.tx.PutDefinition(id, rec)
}

// setState moves v on and lets go of the definitions that no live version has any more.
func (b *batch) setState(v *version, state VersionState, reason string) error {
	c := &b.s.catalog
	b.s.update(func() {
		v.State, v.Reason, v.Changed = state, reason, b.s.opts.Now().UTC()
		if c.active == v {
			c.active = nil
		}
		if c.deploying == v {
			c.deploying = nil
		}
		if state == Active {
			c.active = v
		}
	})
	b.look = true
	b.s.log.Info("rules version changed", "version", v.ID, "state", string(state))
	return b.tx.PutVersion(v.ID, v.record())
}

// bury marks the definitions that no live version has as dead: they are never evaluated again, so they never come back under the
// same id (I3b).
func (b *batch) bury() error {
	needed := map[DefinitionID]bool{}
	for _, v := range b.s.catalog.live() {
		for _, id := range v.ids {
			needed[id] = true
		}
	}
	for id, d := range b.s.catalog.definitions {
		if needed[id] || d.rec.Dead {
			continue
		}
		b.s.update(func() { d.rec.Dead, d.rules = true, nil })
		if err := b.tx.PutDefinition(id, d.rec); err != nil {
			return err
		}
	}
	return nil
}

// Planned declares that every relation of source that defs read has been tracked. A version becomes active when
// all its definitions are planned for every source and all its tables are Done.
func (s *Store) Planned(ctx context.Context, source string, defs []DefinitionID) error {
	return s.do(ctx, func(b *batch) error {
		for _, v := range s.catalog.live() {
			if !slices.ContainsFunc(v.ids, func(id DefinitionID) bool { return !slices.Contains(defs, id) }) {
				s.update(func() { v.planned[source] = true })
			}
		}
		return nil
	})
}

// activate makes the deploying version the active one if everything of it is there: one step, at a checkpoint where all of it is
// consistent (I10).
func (b *batch) activate() (bool, error) {
	c := &b.s.catalog
	v := c.deploying
	if v == nil || !c.open(v) {
		return false, nil
	}
	for _, name := range c.sourceNames {
		if !v.planned[name] {
			return false, nil
		}
	}
	if old := c.active; old != nil {
		if err := b.setState(old, Removed, ""); err != nil {
			return false, err
		}
	}
	if err := b.setState(v, Active, ""); err != nil {
		return false, err
	}
	return true, b.bury()
}
