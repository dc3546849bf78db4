package buckets

import "github.com/weirsync/weir/storage"

// Identifiers of the store, under the names that the packages above use.
type (
	// OpID numbers an operation. Op ids only grow and are never reused (I3).
	OpID = storage.OpID
	// Position is a place in a source's WAL (an LSN).
	Position = storage.Position
	// BucketID numbers a bucket within a store.
	BucketID = storage.BucketID
	// DefinitionID numbers a definition; it is part of its buckets' names.
	DefinitionID = storage.DefinitionID
	// TableID numbers a tracked table.
	TableID = storage.TableID
	// VersionID numbers a deployed rules text.
	VersionID = storage.VersionID
	// Generation counts the snapshots of a tracked table.
	Generation = storage.Generation
)
