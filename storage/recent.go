package storage

import "bytes"

// RunRows is how many rows at once become a run, at least: as many as write fewer pages so.
const RunRows = 4096

// recentRuns times RunRows of a table's rows in section recent become a run. That takes some ten milliseconds.
const recentRuns = 4

// RowPut is a row's new state, encoded by AppendRow; nil says that the row is gone.
type RowPut struct {
	Key   []byte // as by RowKey
	State []byte
}

// recents counts the rows of tables in section recent. Only the transaction of an Update has it.
type recents map[TableID]int

// PutRows stores states of rows of a table, which come in key order, and removes state, image and mark of those that are gone. The bytes must
// stay as they are until the transaction ends.
func (tx *Tx) PutRows(table TableID, rows []RowPut) error {
	for i := range rows {
		if rows[i].State != nil {
			continue
		}
		for _, s := range []string{secImages, secMarks} {
			if err := tx.section(s).Delete(rows[i].Key); err != nil {
				return err
			}
		}
	}
	if len(rows) >= tx.runRows {
		return tx.putMany(table, rows)
	}
	for i := range rows {
		if err := tx.putRecent(&rows[i]); err != nil {
			return err
		}
	}
	if tx.countRecent(table) < recentRuns*tx.runRows {
		return nil
	}
	return tx.drain(table)
}

// putMany makes a run of rows.
func (tx *Tx) putMany(table TableID, rows []RowPut) error {
	recent, run := tx.section(secRecent), make([]RowPut, 0, len(rows))
	for i := range rows {
		p := rows[i]
		if tx.countRecent(table) > 0 && recent.Get(p.Key) != nil {
			tx.recents[table]--
			if err := recent.Delete(p.Key); err != nil {
				return err
			}
		}
		if p.State == nil {
			if state, err := tx.below(p.Key); err != nil {
				return err
			} else if state == nil {
				continue
			}
			p.State = gone
		}
		run = append(run, p)
	}
	if len(run) == 0 {
		return nil
	}
	return tx.putRun(table, run)
}

func (tx *Tx) putRecent(p *RowPut) error {
	s, table, state := tx.section(secRecent), tableOf(p.Key), p.State
	there := s.Get(p.Key) != nil
	if state == nil {
		switch hidden, err := tx.below(p.Key); {
		case err != nil:
			return err
		case hidden != nil:
			state = gone
		case there:
			tx.recents[table] = tx.countRecent(table) - 1
			return s.Delete(p.Key)
		default:
			return nil
		}
	}
	if n := tx.countRecent(table); !there {
		tx.recents[table] = n + 1
	}
	return s.Put(p.Key, state)
}

// countRecent is how many rows of a table section recent has.
func (tx *Tx) countRecent(table TableID) int {
	n, ok := tx.recents[table]
	if !ok {
		_ = scan(tx.section(secRecent), table, func(_, _ []byte) (bool, error) { n++; return true, nil })
		tx.recents[table] = n
	}
	return n
}

// drain makes a run of a table's recent rows.
func (tx *Tx) drain(table TableID) error {
	s := tx.section(secRecent)
	var rows []RowPut
	_ = scan(s, table, func(k, v []byte) (bool, error) {
		rows = append(rows, RowPut{bytes.Clone(k), v})
		return true, nil
	})
	if len(rows) == 0 {
		return nil
	}
	if err := tx.putRun(table, rows); err != nil {
		return err
	}
	for i := range rows {
		if err := s.Delete(rows[i].Key); err != nil {
			return err
		}
	}
	tx.recents[table] = 0
	return nil
}
