package storage

import "github.com/bits-and-blooms/bloom/v3"

// A filter tells which keys a run does not have, so that a lookup of a new row, which is what a snapshot is made of, reads no run: one
// in a hundred is let through. Filters are in memory only, about 10 bits a row, and made again when they are missing.
const (
	filterBits   = 10
	filterHashes = 7
)

type runID struct {
	table TableID
	run   uint32
}

// filters are those of the runs that a process wrote or searched. Only the transaction of an Update has them.
type filters map[runID]*bloom.BloomFilter

func newFilter(rows int) *bloom.BloomFilter {
	return bloom.New(uint(max(rows, 1)*filterBits), filterHashes)
}

func filterLocations(key []byte) []uint64 { return bloom.Locations(key, filterHashes) }

// filter returns the filter of a run, nil if this transaction does without.
func (tx *Tx) filter(table TableID, n uint32) (*bloom.BloomFilter, error) {
	if tx.filters == nil || tx.filters[runID{table, n}] != nil {
		return tx.filters[runID{table, n}], nil
	}
	var keys [][]byte
	c, err := tx.runCursor(table, n, nil)
	for ; err == nil && c.key != nil; err = c.next() {
		keys = append(keys, c.key)
	}
	if err != nil {
		return nil, err
	}
	f := newFilter(len(keys))
	for _, k := range keys {
		f.Add(k)
	}
	tx.filters[runID{table, n}] = f
	return f, nil
}
