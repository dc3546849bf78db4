package storage

import "bytes"

// Param is a change of a parameter row: from op ID on it is there with Values, or gone.
type Param struct {
	Definition DefinitionID
	Lookup     []byte
	Row        uint64 // hash of the source row
	Digest     Digest // of Values
	ID         OpID
	Gone       bool
	Values     []byte // not if Gone
}

func paramPrefix(def DefinitionID, lookup []byte) []byte {
	return appendBytes(appendU64(make([]byte, 0, 34+len(lookup)), uint64(def)), lookup)
}

func paramGroup(p *Param) []byte {
	return append(appendU64(paramPrefix(p.Definition, p.Lookup), p.Row), p.Digest[:]...)
}

// PutParam stores p. A Gone one is also listed as garbage, which CollectGarbage takes away once it is published.
func (tx *Tx) PutParam(p *Param) error {
	group := paramGroup(p)
	v := []byte{0}
	if !p.Gone {
		v = append([]byte{1}, p.Values...)
	} else if err := tx.section(secGarbage).Put(append(appendU64(nil, uint64(p.ID)), group...), nil); err != nil {
		return err
	}
	return tx.section(secParams).Put(appendU64(group, uint64(p.ID)), v)
}

// Params visits the values that stand under lookup at checkpoint c (I4). The bytes belong to the transaction.
func (tx *Tx) Params(def DefinitionID, lookup []byte, c OpID, visit func(values []byte) error) error {
	prefix := paramPrefix(def, lookup)
	cur := tx.section(secParams).Cursor()
	var group, newest []byte // of the group being read: its key, its newest value up to c
	flush := func() error {
		if len(newest) > 0 && newest[0] == 1 {
			return visit(newest[1:])
		}
		return nil
	}
	for k, v := cur.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = cur.Next() {
		if len(k) != len(prefix)+24 {
			return corrupt(secParams, k, "bad key")
		}
		if !bytes.Equal(k[:len(k)-8], group) {
			if err := flush(); err != nil {
				return err
			}
			group, newest = k[:len(k)-8], nil
		}
		if OpID(key64(k[len(k)-8:])) <= c {
			newest = v
		}
	}
	return flush()
}

// CollectGarbage removes up to limit groups of parameter rows that are gone since an op id <= c. No reader needs them: each
// sees checkpoint c or a newer one.
func (tx *Tx) CollectGarbage(c OpID, limit int) error {
	garbage, params := tx.section(secGarbage), tx.section(secParams)
	var listed, dead [][]byte
	cur := garbage.Cursor()
	for k, _ := cur.First(); k != nil && len(listed) < limit; k, _ = cur.Next() {
		if len(k) < 8 {
			return corrupt(secGarbage, k, "bad key")
		}
		upto := OpID(key64(k[:8]))
		if upto > c {
			break
		}
		group := k[8:]
		pc := params.Cursor()
		for pk, _ := pc.Seek(group); bytes.HasPrefix(pk, group) && len(pk) == len(group)+8 && OpID(key64(pk[len(group):])) <= upto; pk, _ = pc.Next() {
			dead = append(dead, bytes.Clone(pk))
		}
		listed = append(listed, bytes.Clone(k))
	}
	for _, k := range dead {
		if err := params.Delete(k); err != nil {
			return err
		}
	}
	for _, k := range listed {
		if err := garbage.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
