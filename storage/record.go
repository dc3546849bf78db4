package storage

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// Source is what is remembered of a source's identity (I13). Its position stands in a section of its own.
type Source struct {
	SystemID       string `json:"system_id"`
	Database       string `json:"database"`
	Timeline       int32  `json:"timeline"`
	Slot           string `json:"slot"`
	Publication    string `json:"publication"`
	PublicationOID uint32 `json:"publication_oid"`
}

// States of a version. Definitions of the live ones have data; what only others name is reclaimed.
const (
	VersionDeploying = "deploying"
	VersionActive    = "active"
	VersionRetiring  = "retiring"
	VersionRemoved   = "removed"
	VersionFailed    = "failed"
)

// Version is a deployed rules text.
type Version struct {
	State       string         `json:"state"`
	Text        string         `json:"text"`
	Note        string         `json:"note,omitempty"`
	Reason      string         `json:"reason,omitempty"`
	Created     time.Time      `json:"created"`
	Activated   time.Time      `json:"activated,omitzero"`
	Changed     time.Time      `json:"changed"`
	Definitions []DefinitionID `json:"definitions"` // in the order of the text
}

// Live reports whether the version's definitions have data.
func (v *Version) Live() bool {
	return v.State == VersionDeploying || v.State == VersionActive || v.State == VersionRetiring
}

// Definition is a compiled definition's identity.
type Definition struct {
	Name        string `json:"name"`
	Fingerprint []byte `json:"fingerprint"`
	Dead        bool   `json:"dead,omitempty"` // no live version has it: it is never evaluated again (I3b), its data is being removed
}

// Table is a tracked table. Relation is opaque here.
type Table struct {
	Source      string          `json:"source"`
	Relation    json.RawMessage `json:"relation"`
	Definitions []DefinitionID  `json:"definitions"`
	Generation  Generation      `json:"generation"`
	Phase       uint8           `json:"phase"`
	Partials    int             `json:"partials"`
	Rows        int64           `json:"rows"`
	Progress    []byte          `json:"progress,omitempty"`
	Swept       bool            `json:"swept,omitempty"`   // no row of an older generation is left
	Dropped     bool            `json:"dropped,omitempty"` // the source has it no more
	Strip       *Strip          `json:"strip,omitempty"`
	Whole       bool            `json:"whole,omitempty"` // the images of all rows of the generation have every value that is not NULL
	Copy        *Copy           `json:"copy,omitempty"`
}

// Copy is how far a tracked table is built from another one of its relation.
type Copy struct {
	From       TableID    `json:"from"`
	Generation Generation `json:"generation"`     // of From
	Next       []byte     `json:"next,omitempty"` // row key
}

// Strip is how far dead definitions were taken out of the rows of a tracked table.
type Strip struct {
	Definitions []DefinitionID `json:"definitions"`
	Next        []byte         `json:"next"` // row key
}

// Sources visits all sources.
func (tx *Tx) Sources(visit func(name string, s Source) error) error {
	return forEachJSON(tx.section(secSources), secSources, func(k []byte, s Source) error { return visit(string(k), s) })
}

// PutSource stores a source.
func (tx *Tx) PutSource(name string, s Source) error {
	return putJSON(tx.section(secSources), []byte(name), s)
}

// Versions visits all versions, oldest first.
func (tx *Tx) Versions(visit func(id VersionID, v Version) error) error {
	return forEachJSON(tx.section(secVersions), secVersions, func(k []byte, v Version) error {
		return visit(VersionID(key32(k)), v)
	})
}

// PutVersion stores a version.
func (tx *Tx) PutVersion(id VersionID, v Version) error {
	return putJSON(tx.section(secVersions), appendU32(nil, uint32(id)), v)
}

// Definitions visits all definitions by id.
func (tx *Tx) Definitions(visit func(id DefinitionID, d Definition) error) error {
	return forEachJSON(tx.section(secDefinitions), secDefinitions, func(k []byte, d Definition) error {
		return visit(DefinitionID(key64(k)), d)
	})
}

// PutDefinition stores a definition.
func (tx *Tx) PutDefinition(id DefinitionID, d Definition) error {
	return putJSON(tx.section(secDefinitions), appendU64(nil, uint64(id)), d)
}

// Tables visits all tracked tables by id.
func (tx *Tx) Tables(visit func(id TableID, t Table) error) error {
	return forEachJSON(tx.section(secTables), secTables, func(k []byte, t Table) error {
		return visit(TableID(key32(k)), t)
	})
}

// PutTable stores a tracked table.
func (tx *Tx) PutTable(id TableID, t Table) error {
	return putJSON(tx.section(secTables), appendU32(nil, uint32(id)), t)
}

// Strings visits the output table names by id.
func (tx *Tx) Strings(visit func(id uint32, s string) error) error {
	return tx.section(secStrings).ForEach(func(k, v []byte) error { return visit(key32(k), string(v)) })
}

// PutString stores an output table name.
func (tx *Tx) PutString(id uint32, s string) error {
	return tx.section(secStrings).Put(appendU32(nil, id), []byte(s))
}

// key32 and key64 read an integer key; a key of another length reads as 0, which no id has.
func key32(k []byte) uint32 {
	if len(k) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(k)
}

func key64(k []byte) uint64 {
	if len(k) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(k)
}

func putJSON(s *section, key []byte, record any) error {
	b, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encode record %x: %w", key, err)
	}
	return s.Put(key, b)
}

func forEachJSON[T any](s *section, section string, visit func(k []byte, record T) error) error {
	return s.ForEach(func(k, v []byte) error {
		var record T
		if err := json.Unmarshal(v, &record); err != nil {
			return corrupt(section, k, "%v", err)
		}
		return visit(k, record)
	})
}
