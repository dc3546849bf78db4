package buckets

// omit leaves out rules of the writer. TestModelMissesEachRule sets it, to see that the model notices each that is left out; nothing
// else does.
type omit struct {
	tombstones bool // a deleted row leaves one until the fence
	touched    bool // a chunk does not overwrite what the stream has changed
	unverified bool // values that are ahead of the stream don't travel to another key
	fresh      bool // a re-read makes values unverified again
	moved      bool // a chunk does not fill in a value that came from another key
	since      bool // a re-read does not fill in a value that became unknown after its Barrier
	generation bool // what an older generation left counts as absent
	duplicates bool // equal rows are counted again before the last one goes
}
