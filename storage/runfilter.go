package storage

import (
	"slices"

	"github.com/bits-and-blooms/bloom/v3"
)

// A filter tells which keys some runs do not have, so that a lookup of a new row, which is what a snapshot is made of, reads no run.
// Filters are in memory only, and made again after a restart or an update that failed. One for several runs makes a snapshot of 40 runs 3 us a row cheaper than
// one for each.
const (
	filterRuns   = 8
	filterBits   = 12 // of memory for each row
	filterHashes = 8  // lets one absent key in 300 through
)

// filter is of the keys of runs first to next-1. Without bloom it lets all keys through.
type filter struct {
	first, next uint32
	rows, room  int
	bloom       *bloom.BloomFilter
}

// filters are those of each table's runs. Only the transaction of an Update has them.
type filters map[TableID][]*filter

func filterLocations(key []byte) []uint64 { return bloom.Locations(key, filterHashes) }

// of returns what the keys of a new run are to be added to.
func (f filters) of(table TableID, run uint32, rows int) *bloom.BloomFilter {
	list := f[table]
	if n := len(list); n == 0 || list[n-1].rows+rows > list[n-1].room {
		room := max(rows, 1) * filterRuns
		list = append(list, &filter{first: run, room: room, bloom: bloom.New(uint(room*filterBits), filterHashes)})
		f[table] = list
	}
	last := list[len(list)-1]
	last.next, last.rows = run+1, last.rows+rows
	return last.bloom
}

// forget lets go of the filters of runs below first.
func (f filters) forget(table TableID, first uint32) {
	if f[table] = slices.DeleteFunc(f[table], func(g *filter) bool { return g.next <= first }); len(f[table]) == 0 {
		delete(f, table)
	}
}

// filtersOf returns the filters of a table that has runs.
func (tx *Tx) filtersOf(table TableID, r *runs) ([]*filter, error) {
	if tx.filters == nil {
		return []*filter{{first: r.first, next: r.next}}, nil
	}
	if list := tx.filters[table]; list != nil {
		return list, nil
	}
	for n := r.first; n < r.next; n++ {
		var keys [][]byte
		c, err := tx.runCursor(table, n, nil)
		for ; err == nil && c.key != nil; err = c.next() {
			keys = append(keys, c.key)
		}
		if err != nil {
			return nil, err
		}
		b := tx.filters.of(table, n, len(keys))
		for _, k := range keys {
			b.Add(k)
		}
	}
	return tx.filters[table], nil
}
