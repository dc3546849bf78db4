package storage

import (
	"bytes"
)

// The methods here remove what nothing names any more, up to limit keys at a time; more tells whether some are left. What is left is
// what the next call finds, so nothing has to be remembered over a crash.

// DropRows removes row states of a table with their images and marks. Those in runs are merged first, so that no older state of a row comes to
// light, which may name what is not there any more.
func (tx *Tx) DropRows(table TableID, limit int) (more bool, err error) {
	if err := tx.drain(table); err != nil {
		return false, err
	}
	r, err := tx.runsOf(table)
	if err != nil {
		return false, err
	}
	if r.count() > 0 {
		_, err := tx.MergeRuns(table, limit)
		return true, err
	}
	keys := first(tx.section(secRows), appendU32(nil, uint32(table)), limit)
	for _, k := range keys {
		if err := tx.dropRow(k); err != nil {
			return false, err
		}
	}
	r.base -= min(r.base, uint64(len(keys)))
	return len(keys) == limit, tx.putRuns(table, r)
}

// dropRow removes all that stands under a row's key.
func (tx *Tx) dropRow(fullKey []byte) error {
	for _, s := range []string{secRows, secImages, secMarks} {
		if err := tx.section(s).Delete(fullKey); err != nil {
			return err
		}
	}
	return nil
}

// DropTable removes the record of a table that has no rows.
func (tx *Tx) DropTable(id TableID) error {
	return tx.section(secTables).Delete(appendU32(nil, uint32(id)))
}

// DropParams removes parameter rows of a definition.
func (tx *Tx) DropParams(def DefinitionID, limit int) (more bool, err error) {
	n, err := drop(tx.section(secParams), appendU64(nil, uint64(def)), limit)
	return n == limit, err
}

// DropGarbage takes a definition's parameter rows off the list of garbage, looking at up to limit entries from a place on that it
// returned as next; nil is the beginning, and the end. CollectGarbage may come between calls.
func (tx *Tx) DropGarbage(def DefinitionID, from []byte, limit int) (next []byte, err error) {
	var keys [][]byte
	s := tx.section(secGarbage)
	c := s.Cursor()
	for k, _ := c.Seek(from); k != nil; k, _ = c.Next() {
		if limit--; limit < 0 {
			next = bytes.Clone(k)
			break
		}
		if len(k) >= 16 && DefinitionID(key64(k[8:16])) == def {
			keys = append(keys, bytes.Clone(k))
		}
	}
	return next, deleteAll(s, keys)
}

// DropBuckets removes buckets of a definition with their names and ops.
func (tx *Tx) DropBuckets(def DefinitionID, limit int) (more bool, err error) {
	names := tx.section(secNames)
	for _, name := range first(names, appendU64(nil, uint64(def)), limit) {
		id := bytes.Clone(names.Get(name))
		for _, s := range blockSections {
			n, err := drop(tx.section(s), id, limit)
			if limit -= n; err != nil || limit == 0 {
				return true, err
			}
		}
		for _, load := range tx.loadList() {
			n, err := drop(tx.section(secLoads), append(appendU64(nil, uint64(load)), id...), limit)
			if limit -= n; err != nil || limit == 0 {
				return true, err
			}
		}
		limit--
		if err := tx.section(secBuckets).Delete(id); err != nil {
			return false, err
		}
		if err := names.Delete(name); err != nil {
			return false, err
		}
	}
	return len(first(names, appendU64(nil, uint64(def)), 1)) > 0, nil
}

// DropDefinition removes the record of a definition that has nothing left.
func (tx *Tx) DropDefinition(id DefinitionID) error {
	return tx.section(secDefinitions).Delete(appendU64(nil, uint64(id)))
}

// BucketDefinition tells whose bucket this is.
func (tx *Tx) BucketDefinition(id BucketID) (DefinitionID, error) {
	k := appendU64(nil, uint64(id))
	v := tx.section(secBuckets).Get(k)
	if len(v) < 8 {
		return 0, corrupt(secBuckets, k, "bad bucket state")
	}
	return DefinitionID(key64(v[:8])), nil
}

// first lists the first keys with a prefix, at most limit.
func first(s *section, prefix []byte, limit int) (keys [][]byte) {
	c := s.Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix) && len(keys) < limit; k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	return keys
}

func drop(s *section, prefix []byte, limit int) (n int, err error) {
	keys := first(s, prefix, limit)
	return len(keys), deleteAll(s, keys)
}

func deleteAll(s *section, keys [][]byte) error {
	for _, k := range keys {
		if err := s.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
