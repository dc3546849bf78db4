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
		r.merging, r.merged = r.next, nil
	}
	cursors, err := tx.allRows(table, nil)
	if err != nil {
		return false, err
	}
	rows, done, n := tx.section(secRows), [][]byte(nil), 0
	rows.FillPercent = mergeFill
	if err := walkRows(cursors[1:1+r.merging-r.first], func(c *rowCursor) (bool, error) {
		if n++; n > limit {
			more = true
			return false, nil
		}
		r.merged = c.key
		if c.blockEnds() {
			done = append(done, c.at)
		}
		return true, rows.reveal(append(appendU32(nil, uint32(table)), c.key...), c.state)
	}); err != nil {
		return false, err
	}
	if !more {
		tx.endRuns(table, r, r.merging)
	}
	r.merged = bytes.Clone(r.merged)
	if err := deleteAll(tx.section(secRuns), done); err != nil {
		return false, err
	}
	return r.count() > 0, tx.putRuns(table, r)
}

// endRuns takes empty runs below next out of the record.
func (tx *Tx) endRuns(table TableID, r *runs, next uint32) {
	r.first = next
	tx.filters.forget(table, next)
	r.merging, r.merged = 0, nil
}

// reveal stores the state that a run has of a row, unless section rows has a newer one.
func (s *section) reveal(fullKey, state []byte) error {
	switch now := s.Get(fullKey); {
	case now == nil:
		return s.Put(fullKey, state)
	case bytes.Equal(now, hiding):
		return s.Delete(fullKey)
	}
	return nil
}
