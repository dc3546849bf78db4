package storage

import "bytes"

// A row state is some fifty bytes under a key that comes at random: put where it belongs in one large tree, each rewrites a leaf of that. So
// row states stand in three places, of which the first that has a row tells its state:
//
//	recent  a small tree: the rows of single commits
//	runs    sorted lists, newest first: each of a large batch of rows, or of what was recent
//	rows    the large tree, to which MergeRuns moves runs when each leaf takes many of their rows at once
//
// A row that was deleted stands as gone in front of a place that has it. Of the 13.0 us of processor time for each row of a snapshot of a
// million (BenchmarkSnapshot's), runs save 6.1, the more the larger the table; merging them costs 1.5, when nobody waits.

// runBlock is how many bytes of rows stand under one key of section runs: as much as a lookup searches.
const runBlock = 8 << 10

// runsMax is more runs than a table ever has: they are merged long before. A damaged record must not ask for a cursor each.
const runsMax = 1 << 16

// gone is the state of a row that was deleted, and hides an older one. No generation is 0.
var gone = AppendRow(nil, nil, &Row{Flags: Tombstone})

// runs is the record of a table's runs: first to next-1. Those below merging are being merged: what they have up to the key merged
// stands in section rows.
type runs struct {
	first, next, merging uint32 // runs are numbered from 1
	merged               []byte
	rows                 uint64 // in runs, without those that are being merged
	base                 uint64 // in section rows
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
		*r = runs{first: d.u32(), next: d.u32(), merging: d.u32(), rows: d.uvarint(), base: d.uvarint(), merged: d.bytes()}
		if !d.done() || r.first == 0 || r.next < r.first || r.count() > runsMax || r.merging > r.next {
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
		*r = runs{first: 1, next: 1, base: r.base}
	}
	if r.count() == 0 && r.base == 0 {
		return tx.section(secRuns).Delete(k)
	}
	v := appendU32(appendU32(appendU32(nil, r.first), r.next), r.merging)
	return tx.section(secRuns).Put(k, appendBytes(appendUvarint(appendUvarint(v, r.rows), r.base), r.merged))
}

// RunStats tells when a table's runs are worth merging.
type RunStats struct {
	Runs    int
	Merging bool   // a merge has begun
	Rows    uint64 // in runs, without those that are being merged
	Base    uint64 // in section rows
}

// Runs tells of a table's runs.
func (tx *Tx) Runs(table TableID) (RunStats, error) {
	r, err := tx.runsOf(table)
	if err != nil {
		return RunStats{}, err
	}
	return RunStats{Runs: r.count(), Merging: r.merging > 0, Rows: r.rows, Base: r.base}, nil
}

// putRun makes a run of rows, which come in key order.
func (tx *Tx) putRun(table TableID, rows []RowPut) error {
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
	r.rows += uint64(len(rows))
	return tx.putRuns(table, r)
}

// below is the newest state of a row outside of section recent, nil if there is none or the row is gone.
func (tx *Tx) below(fullKey []byte) ([]byte, error) {
	state, err := tx.stateInRun(fullKey)
	if state == nil && err == nil {
		state = tx.section(secRows).Get(fullKey)
	}
	if bytes.Equal(state, gone) {
		state = nil
	}
	return state, err
}

// stateInRun is the newest state that a run has of the row at fullKey, else nil.
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
	for i := len(list) - 1; i >= 0; i-- {
		f := list[i]
		if f.bloom != nil && !f.bloom.TestLocations(at) {
			continue
		}
		for n := min(f.next, r.next) - 1; n >= max(f.first, r.first); n-- {
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
