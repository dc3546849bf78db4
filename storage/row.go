package storage

import (
	"bytes"
	"encoding/binary"
)

// RowFlags qualify a row state. Touched and Unverified mean something only while the row's generation is the table's and that one is
// not done (I8), so finishing a generation rewrites no row.
type RowFlags uint8

const (
	// Touched says that the stream changed the row in this generation; no chunk overwrites it.
	Touched RowFlags = 1 << iota
	// Tombstone says that the stream deleted the row; no chunk resurrects it. A mark lists it for removal.
	Tombstone
	// Unverified says that a kept value came from a chunk or a re-read and may not travel to another key.
	Unverified
	// Partial says that values are unknown; a mark holds the tuple. Placements are those of the state before.
	Partial
	// HasImage says that section images has values of the row.
	HasImage
	// Duplicate says that the source may have more than one row like it: its table has no key.
	Duplicate
)

// Digest is the first 8 bytes of an op's SHA-256.
type Digest [8]byte

// Placement is a row's live PUT in one bucket.
type Placement struct {
	Bucket   BucketID
	Type     uint32 // string id of the output table
	Digest   Digest
	ObjectID []byte
}

// ParamRef is a row's live parameter row.
type ParamRef struct {
	Definition DefinitionID
	Lookup     []byte
	Digest     Digest // of its values
}

// Row is a row state.
type Row struct {
	Flags      RowFlags
	Generation Generation
	Placements []Placement
	Params     []ParamRef
}

// How a placement's object id stands in a row state.
const (
	idBefore = 0 // that of the last placement which has one
	idOwn    = 1 // the text of the row's key: else it would be most of a row state
	idBytes  = 2 // and more: this many bytes more than the id has
)

// AppendRow appends r, the state of the row with that key, in the form of section rows.
func AppendRow(b, key []byte, r *Row) []byte {
	b = append(b, byte(r.Flags))
	b = appendUvarint(b, uint64(r.Generation))
	b = appendUvarint(b, uint64(len(r.Placements)))
	var before []byte
	for i := range r.Placements {
		p := &r.Placements[i]
		b = appendUvarint(b, uint64(p.Bucket))
		b = appendUvarint(b, uint64(p.Type))
		b = append(b, p.Digest[:]...)
		switch {
		case isKeyText(key, p.ObjectID):
			b = append(b, idOwn)
		case before != nil && bytes.Equal(before, p.ObjectID):
			b = append(b, idBefore)
		default:
			b = append(appendUvarint(b, uint64(len(p.ObjectID))+idBytes), p.ObjectID...)
			before = p.ObjectID
		}
	}
	b = appendUvarint(b, uint64(len(r.Params)))
	for i := range r.Params {
		p := &r.Params[i]
		b = appendUvarint(b, uint64(p.Definition))
		b = appendBytes(b, p.Lookup)
		b = append(b, p.Digest[:]...)
	}
	return b
}

// DecodeRow decodes the state of the row with that key. Its slices point into b and key.
func DecodeRow(key, b []byte) (Row, bool) {
	d := decoder{b: b}
	r := Row{Flags: RowFlags(d.u8()), Generation: Generation(d.uvarint())}
	if n := d.count(); n > 0 {
		r.Placements = make([]Placement, n)
	}
	var before, own []byte
	for i := range r.Placements {
		p := &r.Placements[i]
		p.Bucket, p.Type = BucketID(d.uvarint()), uint32(d.uvarint())
		copy(p.Digest[:], d.take(8))
		switch n := d.uvarint(); n {
		case idOwn:
			if own == nil {
				own = KeyText(key)
			}
			d.fail = d.fail || own == nil
			p.ObjectID = own
		case idBefore:
			p.ObjectID = before
		default:
			before = d.take(n - idBytes)
			p.ObjectID = before
		}
	}
	if n := d.count(); n > 0 {
		r.Params = make([]ParamRef, n)
	}
	for i := range r.Params {
		p := &r.Params[i]
		p.Definition, p.Lookup = DefinitionID(d.uvarint()), d.bytes()
		copy(p.Digest[:], d.take(8))
	}
	return r, d.done()
}

// RowKey is the key of a row in sections rows, images and marks.
func RowKey(b []byte, table TableID, key []byte) []byte {
	return append(appendU32(b, uint32(table)), key...)
}

func tableOf(fullKey []byte) TableID { return TableID(binary.BigEndian.Uint32(fullKey)) }

// Row returns the state of the row at fullKey (RowKey); ok is false if there is none. The bytes belong to the transaction.
func (tx *Tx) Row(fullKey []byte) (r Row, ok bool, err error) {
	b := tx.section(secRecent).Get(fullKey)
	if b == nil {
		b, err = tx.below(fullKey)
	}
	if b == nil || bytes.Equal(b, gone) {
		return Row{}, false, err
	}
	if r, ok = DecodeRow(fullKey[4:], b); !ok {
		return Row{}, false, corrupt(secRows, fullKey, "bad row state")
	}
	return r, true, nil
}

// Rows visits a table's row states with key >= from in key order until visit returns false. Nothing may be written meanwhile.
func (tx *Tx) Rows(table TableID, from []byte, visit func(key []byte, r Row) (bool, error)) error {
	cursors, err := tx.allRows(table, from)
	if err != nil {
		return err
	}
	return walkRows(cursors, func(c *rowCursor) (bool, error) {
		if bytes.Equal(c.state, gone) {
			return true, nil
		}
		r, ok := DecodeRow(c.key, c.state)
		if !ok {
			return false, corrupt(c.section.name, c.at, "bad row state at %x", c.key)
		}
		return visit(c.key, r)
	})
}

// Image is a column value kept to complete an unchanged-TOAST update.
type Image struct {
	Attnum int16
	Text   []byte
}

// AppendImages appends the values of a row in the form of section images: count x (uv attnum, bytes text).
func AppendImages(b []byte, images []Image) []byte {
	b = appendUvarint(b, uint64(len(images)))
	for _, im := range images {
		b = appendBytes(appendUvarint(b, uint64(im.Attnum)), im.Text)
	}
	return b
}

// DecodeImages decodes what AppendImages made.
func DecodeImages(b []byte) ([]Image, bool) {
	d := decoder{b: b}
	images := make([]Image, d.count())
	for i := range images {
		images[i] = Image{Attnum: int16(d.uvarint()), Text: d.bytes()}
	}
	return images, d.done()
}

// Images returns the kept values of a row.
func (tx *Tx) Images(fullKey []byte) ([]Image, error) {
	b := tx.section(secImages).Get(fullKey)
	if b == nil {
		return nil, nil
	}
	images, ok := DecodeImages(b)
	if !ok {
		return nil, corrupt(secImages, fullKey, "bad row image")
	}
	return images, nil
}

// ImageSize is how many bytes the kept values of a row take.
func (tx *Tx) ImageSize(fullKey []byte) int { return len(tx.section(secImages).Get(fullKey)) }

// PutImages stores encoded values; nil removes them.
func (tx *Tx) PutImages(fullKey, encoded []byte) error {
	if encoded == nil {
		return tx.section(secImages).Delete(fullKey)
	}
	return tx.section(secImages).Put(fullKey, encoded)
}

// MarkedColumn is a column of a partial row.
type MarkedColumn struct {
	Attnum  int16
	Unknown bool
	Moved   bool     // Unknown: a chunk may be older than the value, so only a re-read may fill it (I8)
	Since   Position // Unknown: end of the transaction that left it unknown
	Null    bool
	Text    []byte
}

// Mark is an entry of section marks: a tombstone if it has no columns, else the tuple of a partial row.
type Mark struct{ Columns []MarkedColumn }

const (
	markUnknown = 1 << iota
	markMoved
	markNull
)

// AppendMark appends m: count x (uv attnum, u8 flags, u64 since, bytes text).
func AppendMark(b []byte, m *Mark) []byte {
	b = appendUvarint(b, uint64(len(m.Columns)))
	for i := range m.Columns {
		c := &m.Columns[i]
		var f byte
		if c.Unknown {
			f |= markUnknown
		}
		if c.Moved {
			f |= markMoved
		}
		if c.Null {
			f |= markNull
		}
		b = append(appendUvarint(b, uint64(c.Attnum)), f)
		b = appendBytes(appendU64(b, uint64(c.Since)), c.Text)
	}
	return b
}

// DecodeMark decodes what AppendMark made.
func DecodeMark(b []byte) (Mark, bool) {
	d := decoder{b: b}
	m := Mark{}
	if n := d.count(); n > 0 {
		m.Columns = make([]MarkedColumn, n)
	}
	for i := range m.Columns {
		c := &m.Columns[i]
		c.Attnum = int16(d.uvarint())
		f := d.u8()
		c.Unknown, c.Moved, c.Null = f&markUnknown != 0, f&markMoved != 0, f&markNull != 0
		c.Since, c.Text = Position(d.u64()), d.bytes()
	}
	return m, d.done()
}

// Mark returns the mark of a row.
func (tx *Tx) Mark(fullKey []byte) (m Mark, ok bool, err error) {
	b := tx.section(secMarks).Get(fullKey)
	if b == nil {
		return Mark{}, false, nil
	}
	if m, ok = DecodeMark(b); !ok {
		return Mark{}, false, corrupt(secMarks, fullKey, "bad mark")
	}
	return m, true, nil
}

// PutMark stores a mark; nil removes it.
func (tx *Tx) PutMark(fullKey []byte, m *Mark) error {
	if m == nil {
		return tx.section(secMarks).Delete(fullKey)
	}
	return tx.section(secMarks).Put(fullKey, AppendMark(nil, m))
}

// Marks visits a table's marks in key order until visit returns false. Nothing may be written meanwhile.
func (tx *Tx) Marks(table TableID, visit func(key []byte, m Mark) (bool, error)) error {
	return scan(tx.section(secMarks), table, func(k, v []byte) (bool, error) {
		m, ok := DecodeMark(v)
		if !ok {
			return false, corrupt(secMarks, k, "bad mark")
		}
		return visit(k[4:], m)
	})
}

// scan visits a table's entries.
func scan(s *section, table TableID, visit func(k, v []byte) (bool, error)) error {
	prefix := binary.BigEndian.AppendUint32(nil, uint32(table))
	c := s.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if more, err := visit(k, v); err != nil || !more {
			return err
		}
	}
	return nil
}
