package pgoutput

import "encoding/binary"

// Row is an Insert, Update or Delete.
type Row struct {
	Kind     Kind
	Relation uint32
	Old      [][]byte // nil if there is none
	OldFull  bool     // Old is the whole old row ('O'), not just its key ('K')
	New      [][]byte // nil for a Delete
}

// Decoder decodes rows.
type Decoder struct {
	// Values returns a slice of n values for a tuple, to be overwritten. The decoder never asks for more values than the message
	// has bytes.
	Values func(n int) [][]byte
	// Unchanged stands for a TOASTed value that was not sent. NULL is nil; a text, also an empty one, is not nil.
	Unchanged []byte
}

// RelationOf returns the oid of the relation that a row message is about, without decoding the rest.
func RelationOf(data []byte) (uint32, error) {
	if len(data) < 5 {
		return 0, &Error{Offset: len(data), Reason: "message ends early"}
	}
	return binary.BigEndian.Uint32(data[1:]), nil
}

// ParseRow decodes a message of KindInsert, KindUpdate or KindDelete. Its values are slices of data.
func (d *Decoder) ParseRow(data []byte) (Row, error) {
	kind, err := KindOf(data)
	if err != nil {
		return Row{}, err
	}
	r := open(data, kind)
	row := Row{Kind: kind, Relation: r.uint32()}
	part := r.byte()
	switch {
	case kind == KindInsert && part == 'N',
		kind == KindUpdate && part == 'N':
		row.New = d.tuple(&r)
	case kind == KindDelete && (part == 'K' || part == 'O'):
		row.Old, row.OldFull = d.tuple(&r), part == 'O'
	case kind == KindUpdate && (part == 'K' || part == 'O'):
		row.Old, row.OldFull = d.tuple(&r), part == 'O'
		if r.byte() != 'N' {
			r.fail("no new tuple")
		}
		row.New = d.tuple(&r)
	default:
		r.fail("no tuple of this message")
	}
	if err := r.close(); err != nil {
		return Row{}, err
	}
	return row, nil
}

func (d *Decoder) tuple(r *reader) [][]byte {
	n := r.count(int(r.uint16()), 1)
	if r.err != nil {
		return nil
	}
	values := d.Values(n)
	for i := range values {
		values[i] = d.value(r)
	}
	return values
}

func (d *Decoder) value(r *reader) []byte {
	switch r.byte() {
	case 'n':
		return nil
	case 'u':
		return d.Unchanged
	case 't':
		return r.take(int(int32(r.uint32())))
	default:
		r.fail("unknown kind of column")
		return nil
	}
}
