package storage

import "fmt"

// OpID numbers an operation. Op ids only grow and are never reused (I3).
type OpID uint64

// Position is a place in a source's WAL: what Postgres calls an LSN. 0 is before everything.
type Position uint64

// String prints the position as Postgres does.
func (p Position) String() string { return fmt.Sprintf("%X/%X", uint32(p>>32), uint32(p)) }

// BucketID numbers a bucket within a store.
type BucketID uint64

// DefinitionID numbers a definition. It is part of the names of its buckets and never reused (I3b).
type DefinitionID uint64

// TableID numbers a tracked table.
type TableID uint32

// VersionID numbers a deployed rules text, from 1.
type VersionID uint32

// Generation counts the snapshots of a tracked table, from 1.
type Generation uint32
