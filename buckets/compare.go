package buckets

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/weirsync/weir/storage"
	"github.com/weirsync/weir/syncrules"
)

// Difference is what becomes of a definition when a program replaces the active version.
type Difference string

// Differences. A changed definition has the name of an active one and another meaning: its buckets get new names.
const (
	DefinitionUnchanged Difference = "unchanged"
	DefinitionAdded     Difference = "added"
	DefinitionChanged   Difference = "changed"
	DefinitionRemoved   Difference = "removed"
)

// Comparison says what a deploy of a program would do to the active version.
type Comparison struct {
	Version     VersionID // the active one, 0 if there is none
	SameMeaning bool      // as the active version: a deploy changes nothing
	Definitions []DefinitionDifference
}

// DefinitionDifference is a definition of the program, or one that the active version has and the program has not.
type DefinitionDifference struct {
	Name       string
	Difference Difference
	Rules      *syncrules.Definition // of the program; nil if removed
	Old        DefinitionID          // what the active version has under this name, 0 if nothing
	OldRules   *syncrules.Definition
	New        DefinitionID // what the program's has already: of a live version; 0 if it has to be built
	Built      bool         // New is complete, so that it costs nothing: unchanged, or kept by a retiring version
	Usage      Usage        // of Old: what clients lose, or keep
}

// Usage is what the buckets of a definition hold.
type Usage = storage.Usage

// Compare compares program with the active version: the program's definitions in their order, then those that it removes. It counts as
// Usage does.
func (s *Store) Compare(ctx context.Context, program *syncrules.Program) (Comparison, error) {
	out := s.compare(program)
	for i := range out.Definitions {
		d := &out.Definitions[i]
		if d.Old == 0 {
			continue
		}
		var err error
		if d.Usage, err = s.Usage(ctx, d.Old); err != nil {
			return Comparison{}, err
		}
	}
	return out, nil
}

func (s *Store) compare(program *syncrules.Program) Comparison {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out, old := Comparison{}, map[string]*definition{}
	if v := s.catalog.active; v != nil {
		out.Version, out.SameMeaning = v.ID, v.means(program)
		for _, id := range v.ids {
			d := s.catalog.definitions[id]
			old[d.rec.Name] = d
		}
	}
	for _, rules := range synced(program) {
		d := DefinitionDifference{Name: rules.Name, Difference: DefinitionAdded, Rules: rules}
		if found := s.catalog.find(rules); found != nil {
			d.New, d.Built = found.id, s.catalog.built(found)
		}
		if was := old[rules.Name]; was != nil {
			delete(old, rules.Name)
			d.Old, d.OldRules, d.Difference = was.id, was.rules, DefinitionChanged
			if d.New == was.id {
				d.Difference = DefinitionUnchanged
			}
		}
		out.Definitions = append(out.Definitions, d)
	}
	kept := len(out.Definitions)
	for name, was := range old {
		out.Definitions = append(out.Definitions, DefinitionDifference{
			Name: name, Difference: DefinitionRemoved, Old: was.id, OldRules: was.rules,
		})
	}
	slices.SortFunc(out.Definitions[kept:], func(a, b DefinitionDifference) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// built reports whether all that d reads is in the store.
func (c *catalog) built(d *definition) bool {
	v := &version{ids: []DefinitionID{d.id}}
	return c.planned(v) && c.open(v)
}

// usageBuckets is how many buckets one read transaction counts.
const usageBuckets = 10000

// Usage counts the buckets of a definition, in short reads of the newest state. It takes about a second per million buckets.
func (s *Store) Usage(ctx context.Context, id DefinitionID) (Usage, error) {
	var out Usage
	var from []byte
	for {
		if err := ctx.Err(); err != nil {
			return Usage{}, err
		}
		err := s.db.View(func(tx *storage.Tx) error {
			u, next, err := tx.Usage(id, from, usageBuckets)
			out.Add(u)
			from = next
			return err
		})
		if err != nil || from == nil {
			return out, err
		}
	}
}

// DefinitionOf tells which definition the bucket with this full name is of.
func DefinitionOf(bucket string) (id DefinitionID, ok bool) {
	id, _, ok = cutName(bucket)
	return id, ok
}

// cutName divides a full name, <definition id>#<name>.
func cutName(full string) (id DefinitionID, name string, ok bool) {
	prefix, name, ok := strings.Cut(full, "#")
	if !ok {
		return 0, "", false
	}
	n, err := strconv.ParseUint(prefix, 10, 64)
	return DefinitionID(n), name, err == nil
}

// Watching counts the subscriptions that watch a bucket of one of the definitions: the connected clients that a change of
// them concerns.
func (s *Store) Watching(ids []DefinitionID) int {
	f := s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[*Subscription]struct{}{}
	for name, subs := range f.byBucket {
		if id, ok := DefinitionOf(name); ok && slices.Contains(ids, id) {
			for sub := range subs {
				found[sub] = struct{}{}
			}
		}
	}
	return len(found)
}

// Subscribed counts the open subscriptions: the connected clients.
func (s *Store) Subscribed() int {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return len(s.feed.all)
}
