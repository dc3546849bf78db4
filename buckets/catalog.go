package buckets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirsync/weir/storage"
	"github.com/weirsync/weir/syncrules"
)

// catalog is what the store knows of versions, definitions and tracked tables. The writer changes it under Store.mu.
type catalog struct {
	versions    []*version // oldest first
	active      *version   // nil if none
	deploying   *version   // nil if none
	definitions map[DefinitionID]*definition
	tables      map[TableID]*table
	byRelation  map[relationID][]*table
	strings     map[string]uint32
	stringByID  map[uint32]string
	sourceNames []string

	loads    int       // that are not merged (load.go); the writer's own
	lastLoad time.Time // when the newest of them came, since the store was opened; the writer's own
}

type relationID struct {
	source string
	oid    uint32
}

// definition is a definition that some version has or had. A dead one is never evaluated again (I3b).
type definition struct {
	id     DefinitionID
	rec    storage.Definition
	prefix string                // of its buckets' names: "<id>#"
	rules  *syncrules.Definition // of the newest live version that has it; nil if dead
	buried atomic.Bool           // rec.Dead, for those who evaluate beside the writer

	planned map[string]bool // sources whose relations that it reads are all tracked; the driver plans anew after a start
}

// alive reports whether a live version has the definition.
func (d *definition) alive() bool { return !d.rec.Dead && d.rules != nil }

// find returns the living definition with the meaning of rules, or nil.
func (c *catalog) find(rules *syncrules.Definition) *definition {
	for _, d := range c.definitions {
		if !d.rec.Dead && bytes.Equal(d.rec.Fingerprint, rules.Fingerprint[:]) {
			return d
		}
	}
	return nil
}

// table is a tracked table in the writer's memory.
type table struct {
	Table
	prefix  string // of its rows' subkeys
	sweep   bool   // the fence was passed; rows of older generations are being removed
	cursor  []byte // of the sweep: next row key to look at
	swept   bool   // this generation's sweep is over, only tombstones can be left
	dropped bool   // the source has it no more: its rows go
	strip   *storage.Strip
	whole   bool          // images of the generation's rows are whole rows
	copy    *storage.Copy // how far it is built from another table (copy.go), nil: it is not
	fence   *marker
	runs    storage.RunStats // the writer's own
	fitting *Relation        // the newest one whose shape was found to be Relation's

	verified bool            // a fence was passed since the chunk phase: only what was re-read since the last one is unverified
	fresh    map[string]bool // keys of the rows that were re-read since the last fence

	defs    []*definition
	binding sync.Map // *Relation -> *binding
}

// streamed reports whether stream changes are evaluated for the table: once a generation has begun, while a definition lives.
func (t *table) streamed() bool {
	return t.Phase != Registered && !t.dropped && t.wanted()
}

// wanted reports whether a definition of the table lives.
func (t *table) wanted() bool {
	return slices.ContainsFunc(t.defs, func(d *definition) bool { return !d.rec.Dead })
}

// dying reports whether a definition of the table is dead, so that rows may still have memberships of it.
func (t *table) dying() bool {
	return slices.ContainsFunc(t.defs, func(d *definition) bool { return d.rec.Dead })
}

// entombs reports whether a deleted row must leave a tombstone, so that no chunk resurrects it: until the fence is passed (I8).
func (t *table) entombs() bool { return t.Phase != Done && !t.sweep }

// proven notes that a fence was passed: whatever was read before it was emitted, the stream has caught up with.
func (t *table) proven() { t.verified, t.fresh = true, nil }

// reread notes that a row's values, or its existence, come from a re-read that the stream has not caught up with.
func (t *table) reread(key []byte) {
	if t.fresh == nil {
		t.fresh = map[string]bool{}
	}
	t.fresh[string(key)] = true
}

// doubts reports whether what the store has read of a row in the unfinished generation may be ahead of the stream.
func (t *table) doubts(key []byte) bool {
	return t.unfinished() && (!t.verified || t.fresh[string(key)])
}

// unfinished reports whether touched, unverified and tombstones mean something (I8).
func (t *table) unfinished() bool { return t.Phase != Done }

func (t *table) record() (storage.Table, error) {
	rel, err := json.Marshal(t.Relation)
	return storage.Table{
		Source: t.Source, Relation: rel, Definitions: t.Definitions, Generation: t.Generation,
		Phase: uint8(t.Phase), Partials: t.Partials, Rows: t.Rows, Progress: t.Progress, Swept: t.swept, Dropped: t.dropped, Strip: t.strip,
		Whole: t.whole, Copy: t.copy,
	}, err
}

func (c *catalog) load(tx *storage.Tx, sources []string) error {
	*c = catalog{
		definitions: map[DefinitionID]*definition{}, tables: map[TableID]*table{}, byRelation: map[relationID][]*table{},
		strings: map[string]uint32{}, stringByID: map[uint32]string{}, sourceNames: sources,
	}
	if err := tx.Strings(func(id uint32, name string) error {
		c.strings[name], c.stringByID[id] = id, name
		return nil
	}); err != nil {
		return err
	}
	if err := tx.Definitions(func(id DefinitionID, rec storage.Definition) error {
		c.addDefinition(id, rec)
		return nil
	}); err != nil {
		return err
	}
	if err := tx.Versions(c.loadVersion); err != nil {
		return err
	}
	if err := tx.Tables(c.loadTable); err != nil {
		return err
	}
	for _, t := range c.tables {
		if err := c.countRuns(tx, t); err != nil {
			return err
		}
	}
	c.loads = tx.Loads()
	return nil
}

func (c *catalog) addDefinition(id DefinitionID, rec storage.Definition) *definition {
	d := &definition{id: id, rec: rec, prefix: strconv.FormatUint(uint64(id), 10) + "#", planned: map[string]bool{}}
	d.buried.Store(rec.Dead)
	c.definitions[id] = d
	return d
}

func (c *catalog) loadVersion(id VersionID, rec storage.Version) error {
	v := &version{
		Version: Version{
			ID: id, State: VersionState(rec.State), Text: rec.Text, Note: rec.Note, Reason: rec.Reason,
			Created: rec.Created, Activated: rec.Activated, Changed: rec.Changed,
		},
		ids: rec.Definitions,
	}
	if v.live() {
		program, faults := syncrules.Compile([]byte(rec.Text), syncrules.CompileOptions{})
		if program == nil {
			return fmt.Errorf("the stored rules version %d does not compile with this program: %v", id, faults)
		}
		if n := len(synced(program)); n != len(v.ids) {
			return fmt.Errorf("the stored rules version %d has %d definitions, this program reads %d", id, len(v.ids), n)
		}
		if err := c.attach(v, program); err != nil {
			return err
		}
	}
	c.addVersion(v)
	if v.State == Active || v.State == Retiring { // it could not have been active otherwise
		for _, id := range v.ids {
			for _, source := range c.sourceNames {
				c.definitions[id].planned[source] = true
			}
		}
	}
	return nil
}

// synced lists the definitions that make buckets. Events are for custom write checkpoints, which are not served.
func synced(program *syncrules.Program) []*syncrules.Definition {
	return slices.DeleteFunc(slices.Clone(program.Definitions()), func(d *syncrules.Definition) bool { return d.Kind == syncrules.Event })
}

// attach gives v its program and its definitions their rules.
func (c *catalog) attach(v *version, program *syncrules.Program) error {
	v.Program, v.byRules = program, map[*syncrules.Definition]*definition{}
	for i, rules := range synced(program) {
		d := c.definitions[v.ids[i]]
		if d == nil {
			return fmt.Errorf("rules version %d names definition %d, which is not in the store", v.ID, v.ids[i])
		}
		d.rules, v.byRules[rules] = rules, d
	}
	return nil
}

func (c *catalog) addVersion(v *version) {
	c.versions = append(c.versions, v)
	switch v.State {
	case Active:
		c.active = v
	case Deploying:
		c.deploying = v
	}
}

func (c *catalog) loadTable(id TableID, rec storage.Table) error {
	rel := &Relation{}
	if err := json.Unmarshal(rec.Relation, rel); err != nil {
		return fmt.Errorf("tracked table %d: %w", id, err)
	}
	return c.addTable(&table{
		Table: Table{
			ID: id, Source: rec.Source, Relation: rel, Definitions: rec.Definitions, Generation: rec.Generation,
			Phase: Phase(rec.Phase), Copying: rec.Copy != nil, Partials: rec.Partials, Rows: rec.Rows, Progress: rec.Progress,
		}, swept: rec.Swept, dropped: rec.Dropped, sweep: rec.Dropped && Phase(rec.Phase) != Done, strip: rec.Strip,
		whole: rec.Whole, copy: rec.Copy, verified: Phase(rec.Phase) == Done || rec.Copy != nil,
	})
}

func (c *catalog) addTable(t *table) error {
	t.prefix = strconv.FormatUint(uint64(t.ID), 36) + "/"
	for _, id := range t.Definitions {
		d := c.definitions[id]
		if d == nil {
			return fmt.Errorf("tracked table %d names definition %d, which is not in the store", t.ID, id)
		}
		t.defs = append(t.defs, d)
	}
	c.tables[t.ID] = t
	c.index(t)
	return nil
}

func (c *catalog) index(t *table) {
	id := relationID{t.Source, t.Relation.OID}
	c.byRelation[id] = append(c.byRelation[id], t)
}

func (c *catalog) unindex(t *table) {
	id := relationID{t.Source, t.Relation.OID}
	c.byRelation[id] = slices.DeleteFunc(slices.Clone(c.byRelation[id]), func(x *table) bool { return x == t })
	if len(c.byRelation[id]) == 0 {
		delete(c.byRelation, id)
	}
}

// relate makes rel the relation of t. Where it is another one, and no other description of the same, t gets its changes from here on, and
// none of the old one's.
func (c *catalog) relate(t *table, rel *Relation) {
	if rel.OID == t.Relation.OID {
		t.Relation = rel
		return
	}
	c.unindex(t)
	t.Relation = rel
	c.index(t)
}

// version returns a version by id.
func (c *catalog) version(id VersionID) *version {
	for _, v := range c.versions {
		if v.ID == id {
			return v
		}
	}
	return nil
}

// open reports whether nothing of v holds checkpoints back: each of its tables is done and no row is partial (I9). A table of a
// source that is not configured any more holds nothing back: nobody is there to complete it, and the other sources go on.
func (c *catalog) open(v *version) bool {
	for _, t := range c.tables {
		if t.Phase == Done && t.Partials == 0 || !slices.Contains(c.sourceNames, t.Source) {
			continue
		}
		for _, d := range t.defs {
			if slices.Contains(v.ids, d.id) {
				return false
			}
		}
	}
	return true
}
