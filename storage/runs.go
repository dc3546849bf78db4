package storage

import "bytes"

// A snapshot brings rows in the order of the source's heap, in which their keys come at random. Put into section rows as they come, each
// batch would rewrite most leaves of its tree: of the 13.0 us of processor time for each row of a million (BenchmarkSnapshot's), 6.1 are
// saved, the more the larger the table, and 1.5 come later, when nobody waits. So the many new rows of a batch become a run, a sorted list of its own in section runs, and MergeRuns moves runs to
// section rows later, when each leaf takes rows of all of them at once.
//
// A row that stands in section rows hides one in a run; a key is in one run at most. So reading needs no order among runs, and
// merging in steps can be repeated.

// runBlock is how many bytes of rows stand under one key of section runs: as much as a lookup searches.
const runBlock = 8 << 10

// hiding is the state in section rows of a row that was deleted while a run has it. No generation is 0, so it counts as absent.
var hiding = AppendRow(nil, nil, &Row{Flags: Tombstone})

// NewRow is the encoded state of a row that Row finds nothing of.
type NewRow struct {
	Key   []byte // as by RowKey
	State []byte
}

// runs is the record of a table's runs: first to next-1. Those below merging are being merged: what they have up to the key merged
// stands in section rows.
type runs struct {
	first, next, merging uint32 // runs are numbered from 1
	merged               []byte
}

func (r *runs) count() int { return int(r.next - r.first) }

// covered reports whether what run n has at key is merged.
func (r *runs) covered(n uint32, key []byte) bool {
	return n < r.merging && bytes.Compare(key, r.merged) <= 0
}

func runPrefix(table TableID, run uint32) []byte {
	return appendU32(appendU32(make([]byte, 0, 64), uint32(table)), run)
}

// runsOf returns the record of a table, which the transaction keeps.
func (tx *Tx) runsOf(table TableID) (*runs, error) {
	if r := tx.runs[table]; r != nil {
		return r, nil
	}
	r, k := &runs{first: 1, next: 1}, runPrefix(table, 0)
	if v := tx.section(secRuns).Get(k); v != nil {
		d := decoder{b: v}
		*r = runs{first: d.u32(), next: d.u32(), merging: d.u32(), merged: d.bytes()}
		if !d.done() || r.first == 0 || r.next <= r.first || r.merging > r.next {
			return nil, corrupt(secRuns, k, "bad record")
		}
	}
	if tx.runs == nil {
		tx.runs = map[TableID]*runs{}
	}
	tx.runs[table] = r
	return r, nil
}

func (tx *Tx) putRuns(table TableID, r *runs) error {
	k := runPrefix(table, 0)
	if r.count() == 0 {
		*r = runs{first: 1, next: 1}
		return tx.section(secRuns).Delete(k)
	}
	v := appendU32(appendU32(appendU32(nil, r.first), r.next), r.merging)
	return tx.section(secRuns).Put(k, appendBytes(v, r.merged))
}

// Runs is the number of runs that a table has.
func (tx *Tx) Runs(table TableID) (int, error) {
	r, err := tx.runsOf(table)
	if err != nil {
		return 0, err
	}
	return r.count(), nil
}

// PutRun stores many rows of a table at once, in key order. Row must have found nothing at any of their keys.
func (tx *Tx) PutRun(table TableID, rows []NewRow) error {
	r, err := tx.runsOf(table)
	if err != nil {
		return err
	}
	if _, err := tx.filtersOf(table, r); err != nil { // of the runs that there are
		return err
	}
	prefix, f := runPrefix(table, r.next), tx.filters.of(table, r.next, len(rows))
	var block []byte
	for i := range rows {
		key := rows[i].Key[4:]
		f.Add(key)
		block = appendBytes(appendBytes(block, key), rows[i].State)
		if len(block) < runBlock && i < len(rows)-1 {
			continue
		}
		if err := tx.section(secRuns).Put(append(prefix[:8:8], key...), block); err != nil {
			return err
		}
		block = make([]byte, 0, len(block)+len(block)/8)
	}
	r.next++
	return tx.putRuns(table, r)
}

// stateInRun is the state of the row at fullKey if a run has it, else nil.
func (tx *Tx) stateInRun(fullKey []byte) ([]byte, error) {
	table, key := tableOf(fullKey), fullKey[4:]
	r, err := tx.runsOf(table)
	if err != nil || r.count() == 0 {
		return nil, err
	}
	list, err := tx.filtersOf(table, r)
	if err != nil {
		return nil, err
	}
	at := filterLocations(key)
	for _, f := range list {
		if f.bloom != nil && !f.bloom.TestLocations(at) {
			continue
		}
		for n := max(f.first, r.first); n < min(f.next, r.next); n++ {
			if r.covered(n, key) {
				continue
			}
			if state, err := tx.searchRun(table, n, key); state != nil || err != nil {
				return state, err
			}
		}
	}
	return nil, nil
}

// searchRun looks for a row in a run: in the first block that does not end before it.
func (tx *Tx) searchRun(table TableID, n uint32, key []byte) ([]byte, error) {
	c, err := tx.runCursor(table, n, key)
	if err != nil || !bytes.Equal(c.key, key) {
		return nil, err
	}
	return c.state, nil
}
