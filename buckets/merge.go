package buckets

import (
	"github.com/weirsync/weir/storage"
)

// runLimits say when runs of row states are merged (storage/runs.go).
type runLimits struct {
	// most is how many runs a table of which chunks are read has before they are merged; twice as many are merged whatever there is
	// beside them. A lookup asks a filter for each eight, and the more there are, the fewer pages a merge writes for each row: half a
	// million rows in 110 runs take 5.4 us of processor time each, and 7.3 if they are merged from 48 on.
	most int

	// share of a table's merged rows must be in runs before they are merged: a merge rewrites nearly all of the tree. So a row is
	// rewritten a few times in all, however large the table is.
	share uint64

	// step is how many rows one step of merging moves: some twenty milliseconds of work.
	step int
}

var defaultRuns = runLimits{most: 128, share: 4, step: 20_000}

// writeTable puts the states of a table's rows, which come in key order, with their images and marks.
func (b *batch) writeTable(t *table, rows []rowPut) error {
	puts := make([]storage.RowPut, len(rows))
	for i := range rows {
		puts[i] = storage.RowPut{Key: rows[i].row.full, State: rows[i].encoded}
	}
	if err := b.putStates(t, puts); err != nil {
		return err
	}
	for i := range rows {
		if err := b.writeImages(&rows[i]); err != nil {
			return err
		}
		if err := b.writeMark(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// putStates puts row states of a table, which come in key order.
func (b *batch) putStates(t *table, puts []storage.RowPut) error {
	if err := b.tx.PutRows(t.ID, puts); err != nil {
		return err
	}
	return b.s.catalog.countRuns(b.tx, t)
}

// merging returns the table with the most runs that are to be merged.
func (c *catalog) merging(limits runLimits) (most *table) {
	for _, t := range c.tables {
		if t.mergeable(limits) && (most == nil || t.runs.Runs > most.runs.Runs) {
			most = t
		}
	}
	return most
}

// mergeable reports whether the table's runs are to be merged: they have grown large beside its other rows, and many if chunks bring more.
func (t *table) mergeable(limits runLimits) bool {
	r := &t.runs
	large, many := r.Rows*limits.share >= r.Base, r.Runs >= limits.most || t.Phase != Chunking
	return r.Merging || r.Runs > 0 && (large && many || r.Runs >= 2*limits.most)
}

// crowded reports whether a table has so many runs that merging goes before all other chores: lookups, and the memory of filters (I14), would
// grow with what they do.
func (c *catalog) crowded(limits runLimits) bool {
	t := c.merging(limits)
	return t != nil && t.runs.Runs >= 2*limits.most
}

// merge does one step.
func (b *batch) merge() error {
	t := b.s.catalog.merging(b.s.runs)
	if _, err := b.tx.MergeRuns(t.ID, b.s.runs.step); err != nil {
		return err
	}
	return b.s.catalog.countRuns(b.tx, t)
}

// countRuns notes what runs the table has in the file.
func (c *catalog) countRuns(tx *storage.Tx, t *table) (err error) {
	t.runs, err = tx.Runs(t.ID)
	return err
}
