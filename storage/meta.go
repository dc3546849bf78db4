package storage

import (
	"bytes"
	"slices"
)

// Counters are the ids that are handed out next.
type Counters struct {
	Op         OpID
	Bucket     BucketID
	Definition DefinitionID
	Table      TableID
	Version    VersionID
	String     uint32
}

func (c Counters) encode() []byte {
	b := appendU64(nil, uint64(c.Op))
	b = appendU64(b, uint64(c.Bucket))
	b = appendU64(b, uint64(c.Definition))
	b = appendU32(b, uint32(c.Table))
	b = appendU32(b, uint32(c.Version))
	return appendU32(b, c.String)
}

// Counters returns the stored counters.
func (tx *Tx) Counters() (Counters, error) {
	key := []byte("counters")
	d := decoder{b: tx.section(secMeta).Get(key)}
	c := Counters{
		Op: OpID(d.u64()), Bucket: BucketID(d.u64()), Definition: DefinitionID(d.u64()),
		Table: TableID(d.u32()), Version: VersionID(d.u32()), String: d.u32(),
	}
	if !d.done() {
		return c, corrupt(secMeta, key, "bad counters")
	}
	return c, nil
}

// PutCounters stores c.
func (tx *Tx) PutCounters(c Counters) error {
	return tx.section(secMeta).Put([]byte("counters"), c.encode())
}

// Checkpoint is what clients see: everything up to Op, under Version. The zero value: nothing was published yet.
type Checkpoint struct {
	Op        OpID
	Version   VersionID
	Positions map[string]Position // of each source, at Op
}

// Checkpoint returns the published checkpoint.
func (tx *Tx) Checkpoint() (Checkpoint, error) {
	key := []byte("checkpoint")
	b := tx.section(secMeta).Get(key)
	if b == nil {
		return Checkpoint{}, nil
	}
	d := decoder{b: b}
	c := Checkpoint{Op: OpID(d.u64()), Version: VersionID(d.u32())}
	c.Positions = d.positions()
	if !d.done() {
		return c, corrupt(secMeta, key, "bad checkpoint")
	}
	return c, nil
}

// PutCheckpoint publishes c with this transaction.
func (tx *Tx) PutCheckpoint(c Checkpoint) error {
	b := appendU32(appendU64(nil, uint64(c.Op)), uint32(c.Version))
	return tx.section(secMeta).Put([]byte("checkpoint"), appendPositions(b, c.Positions))
}

func appendPositions(b []byte, m map[string]Position) []byte {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	b = appendUvarint(b, uint64(len(names)))
	for _, name := range names {
		b = appendU64(appendString(b, name), uint64(m[name]))
	}
	return b
}

func (d *decoder) positions() map[string]Position {
	n := d.count()
	m := make(map[string]Position, n)
	for range n {
		name := string(d.bytes())
		m[name] = Position(d.u64())
	}
	return m
}

// Position returns the durable position of a source, 0 if it has none.
func (tx *Tx) Position(source string) (Position, error) {
	b := tx.section(secPositions).Get([]byte(source))
	if b == nil {
		return 0, nil
	}
	d := decoder{b: b}
	p := Position(d.u64())
	if !d.done() {
		return 0, corrupt(secPositions, []byte(source), "bad position")
	}
	return p, nil
}

// PutPosition stores a source's position together with what was applied up to it (I2, I6).
func (tx *Tx) PutPosition(source string, p Position) error {
	return tx.section(secPositions).Put([]byte(source), appendU64(nil, uint64(p)))
}

// WriteCheckpoint is a client's newest write checkpoint: reached once every source is past its head.
type WriteCheckpoint struct {
	ID     int64
	Heads  map[string]Position
	Stored int64 // unix seconds
}

// WriteCheckpoint returns what is stored for key.
func (tx *Tx) WriteCheckpoint(key string) (w WriteCheckpoint, ok bool, err error) {
	b := tx.section(secWrite).Get([]byte(key))
	if b == nil {
		return w, false, nil
	}
	w, err = decodeWriteCheckpoint(key, b)
	return w, err == nil, err
}

func decodeWriteCheckpoint(key string, b []byte) (WriteCheckpoint, error) {
	d := decoder{b: b}
	w := WriteCheckpoint{ID: int64(d.u64())}
	w.Heads = d.positions()
	w.Stored = int64(d.u64())
	if !d.done() {
		return w, corrupt(secWrite, []byte(key), "bad write checkpoint")
	}
	return w, nil
}

// PutWriteCheckpoint stores w for key.
func (tx *Tx) PutWriteCheckpoint(key string, w WriteCheckpoint) error {
	v := appendPositions(appendU64(nil, uint64(w.ID)), w.Heads)
	return tx.section(secWrite).Put([]byte(key), appendU64(v, uint64(w.Stored)))
}

// DeleteWriteCheckpoint forgets key, but not how far its numbers went: see WriteFloor.
func (tx *Tx) DeleteWriteCheckpoint(key string) error {
	w, ok, err := tx.WriteCheckpoint(key)
	if err != nil || !ok {
		return err
	}
	if w.ID > tx.WriteFloor() {
		if err := tx.section(secMeta).Put([]byte("write floor"), appendU64(nil, uint64(w.ID))); err != nil {
			return err
		}
	}
	return tx.section(secWrite).Delete([]byte(key))
}

// WriteFloor is the greatest number that a forgotten write checkpoint had. A key without a record goes on above it, so that its numbers
// never go down.
func (tx *Tx) WriteFloor() int64 { return int64(key64(tx.section(secMeta).Get([]byte("write floor")))) }

// WriteCheckpoints visits all of them in key order, from first on, until visit returns false.
func (tx *Tx) WriteCheckpoints(first string, visit func(key string, w WriteCheckpoint) bool) error {
	c := tx.section(secWrite).Cursor()
	for k, v := c.Seek([]byte(first)); k != nil; k, v = c.Next() {
		w, err := decodeWriteCheckpoint(string(k), v)
		if err != nil || !visit(string(k), w) {
			return err
		}
	}
	return nil
}

// memoPrefix keeps memos apart from the other keys of the section.
const memoPrefix = "memo/"

// Memo returns a copy of a value that a layer above keeps under name, nil if there is none.
func (tx *Tx) Memo(name string) []byte {
	return bytes.Clone(tx.section(secMeta).Get([]byte(memoPrefix + name)))
}

// PutMemo stores a value under name.
func (tx *Tx) PutMemo(name string, value []byte) error {
	return tx.section(secMeta).Put([]byte(memoPrefix+name), value)
}
