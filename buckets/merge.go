package buckets

import (
	"github.com/weirsync/weir/storage"
)

// runLimits say when rows stand in runs (storage/runs.go).
type runLimits struct {
	// rows is how many new rows of a table in one batch become a run: a chunk's, or those of a large load. Fewer are put where they
	// belong at once.
	rows int

	// most is how many runs a table has before they are merged although it is still read. A lookup asks the filter of each; and the
	// more there are, the fewer pages a merge writes for each row.
	most int

	// step is how many rows one step of merging moves: some twenty milliseconds of work.
	step int
}

var defaultRuns = runLimits{rows: 4096, most: 48, step: 20_000}

// writeTable puts the states of a table's rows, which come in key order; many new ones become a run.
func (b *batch) writeTable(t *table, rows []rowPut) error {
	var run []storage.NewRow
	for i := range rows {
		if p := &rows[i]; p.fresh() {
			run = append(run, storage.NewRow{Key: p.row.full, State: p.encoded})
		}
	}
	runs := len(run) >= b.s.runs.rows
	for i := range rows {
		p := &rows[i]
		if !runs || !p.fresh() {
			if err := b.writeState(p); err != nil {
				return err
			}
		}
		if err := b.writeImages(p); err != nil {
			return err
		}
		if err := b.writeMark(p); err != nil {
			return err
		}
	}
	if !runs {
		return nil
	}
	t.runs++
	return b.tx.PutRun(t.ID, run)
}

// fresh reports whether the file has nothing of the row.
func (p *rowPut) fresh() bool { return !p.row.exists && p.encoded != nil }

// merging returns the table with the most runs, if those are to be merged: they are many, or no chunk brings more.
func (c *catalog) merging(limits runLimits) (most *table) {
	for _, t := range c.tables {
		if t.runs > 0 && (t.runs >= limits.most || t.Phase != Chunking) && (most == nil || t.runs > most.runs) {
			most = t
		}
	}
	return most
}

// merge does one step.
func (b *batch) merge() error {
	t := b.s.catalog.merging(b.s.runs)
	if _, err := b.tx.MergeRuns(t.ID, b.s.runs.step); err != nil {
		return err
	}
	return b.s.catalog.countRuns(b.tx, t)
}

// countRuns notes how many runs the table has in the file.
func (c *catalog) countRuns(tx *storage.Tx, t *table) (err error) {
	t.runs, err = tx.Runs(t.ID)
	return err
}
