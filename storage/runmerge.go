package storage

import "bytes"

// mergeFill is how full merging leaves the pages of section rows: keys come in order, and few are added between them later.
const mergeFill = 0.9

// MergeRuns moves up to limit rows of a table's runs to section rows, in key order; more tells whether some are left. A step is lost or done
// as a whole; runs that are put meanwhile are the next merge's.
func (tx *Tx) MergeRuns(table TableID, limit int) (more bool, err error) {
	r, err := tx.runsOf(table)
	if err != nil || r.count() == 0 {
		return false, err
	}
	if r.merging == 0 {
		r.merging, r.merged, r.rows = r.next, nil, 0
	}
	cursors, err := tx.runCursors(table, r, r.merging, nil)
	if err != nil {
		return false, err
	}
	rows, n := tx.section(secRows), 0
	rows.FillPercent = mergeFill
	if err := walkRows(cursors, func(c *rowCursor) (bool, error) {
		if n++; n > limit {
			more = true
			return false, nil
		}
		r.merged = c.key
		added, err := rows.replace(append(appendU32(nil, uint32(table)), c.key...), c.state)
		r.base += uint64(added)
		return true, err
	}); err != nil {
		return false, err
	}
	if !more {
		tx.endRuns(table, r)
	}
	r.merged = bytes.Clone(r.merged)
	for _, c := range cursors {
		if err := deleteAll(tx.section(secRuns), c.passed); err != nil {
			return false, err
		}
	}
	return r.count() > 0, tx.putRuns(table, r)
}

// endRuns takes merged runs, which are empty, out of the record.
func (tx *Tx) endRuns(table TableID, r *runs) {
	r.first = r.merging
	tx.filters.forget(table, r.first)
	r.merging, r.merged = 0, nil
}

// replace gives a row of section rows the state that a run has, and tells how many rows more the section has.
func (s *section) replace(fullKey, state []byte) (added int, err error) {
	there := s.Get(fullKey) != nil
	switch {
	case bytes.Equal(state, gone) && there:
		return -1, s.Delete(fullKey)
	case bytes.Equal(state, gone):
		return 0, nil
	case !there:
		added = 1
	}
	return added, s.Put(fullKey, state)
}
