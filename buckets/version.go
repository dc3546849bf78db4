package buckets

import (
	"cmp"
	"slices"
	"time"

	"github.com/weirsync/weir/storage"
	"github.com/weirsync/weir/syncrules"
)

// VersionState is where a rules version stands.
type VersionState string

// States of a version. The definitions of the first three are evaluated for every change, so their data is fresh.
const (
	Deploying VersionState = storage.VersionDeploying // its tables are being read
	Active    VersionState = storage.VersionActive    // clients see it
	Retiring  VersionState = storage.VersionRetiring  // replaced; Rollback brings it back in one step
	Removed   VersionState = storage.VersionRemoved   // replaced, its data is gone or going
	Failed    VersionState = storage.VersionFailed    // never became active; Reason says why
)

// Version is a deployed rules text.
type Version struct {
	ID        VersionID
	State     VersionState
	Text      string
	Note      string
	Reason    string // why it failed, or did not come back, with the place in the text where there is one
	Created   time.Time
	Activated time.Time          // the last time it became active; zero: never
	Changed   time.Time          // of State
	Program   *syncrules.Program // of a live version (deploying, active, retiring), else nil
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

// public returns a version as it stands now.
func (s *Store) public(id VersionID) Version {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if v := s.catalog.version(id); v != nil {
		return v.Version
	}
	return Version{}
}

// Definitions lists what the live versions (deploying, active, retiring) need, by id.
func (s *Store) Definitions() []Definition {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []Definition
	for id, d := range s.catalog.definitions {
		if d.alive() {
			out = append(out, Definition{ID: id, Rules: d.rules})
		}
	}
	slices.SortFunc(out, func(a, b Definition) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// version is a deployed rules text. ids is parallel to the program's definitions.
type version struct {
	Version
	ids     []DefinitionID
	byRules map[*syncrules.Definition]*definition // nil if not live
}

func (v *version) live() bool {
	return v.State == Deploying || v.State == Active || v.State == Retiring
}

func (v *version) record() storage.Version {
	return storage.Version{
		State: string(v.State), Text: v.Text, Note: v.Note, Reason: v.Reason,
		Created: v.Created, Activated: v.Activated, Changed: v.Changed, Definitions: v.ids,
	}
}

// means reports whether program is v in another text: the same definitions, in any order, subscribed to by the same rule.
func (v *version) means(program *syncrules.Program) bool {
	type meaning struct {
		syncrules.Fingerprint
		auto bool
	}
	have := map[meaning]bool{}
	for _, d := range synced(v.Program) {
		have[meaning{d.Fingerprint, d.AutoSub}] = true
	}
	other := synced(program)
	return len(other) == len(have) &&
		!slices.ContainsFunc(other, func(d *syncrules.Definition) bool { return !have[meaning{d.Fingerprint, d.AutoSub}] })
}
