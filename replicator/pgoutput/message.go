package pgoutput

import "time"

// Kind is the first byte of a message.
type Kind byte

// Kinds of message of protocol version 1.
const (
	KindBegin    Kind = 'B'
	KindCommit   Kind = 'C'
	KindOrigin   Kind = 'O'
	KindRelation Kind = 'R'
	KindType     Kind = 'Y'
	KindInsert   Kind = 'I'
	KindUpdate   Kind = 'U'
	KindDelete   Kind = 'D'
	KindTruncate Kind = 'T'
	KindMessage  Kind = 'M'
)

// KindOf returns the kind of a message. One that version 1 does not have is an error.
func KindOf(data []byte) (Kind, error) {
	if len(data) == 0 {
		return 0, &Error{Reason: "empty message"}
	}
	switch k := Kind(data[0]); k {
	case KindBegin, KindCommit, KindOrigin, KindRelation, KindType, KindInsert, KindUpdate, KindDelete, KindTruncate, KindMessage:
		return k, nil
	default:
		return 0, &Error{Kind: k, Reason: "unknown kind of message"}
	}
}

// Begin opens a transaction.
type Begin struct {
	Final uint64 // position of its commit record
	Time  time.Time
	Xid   uint32
}

// ParseBegin decodes a message of KindBegin.
func ParseBegin(data []byte) (Begin, error) {
	r := open(data, KindBegin)
	m := Begin{Final: r.uint64(), Time: r.time(), Xid: r.uint32()}
	return m, r.close()
}

// Commit ends a transaction.
type Commit struct {
	Commit uint64 // position of the commit record
	End    uint64 // position behind it
	Time   time.Time
}

// ParseCommit decodes a message of KindCommit.
func ParseCommit(data []byte) (Commit, error) {
	r := open(data, KindCommit)
	if r.byte() != 0 {
		r.pos--
		r.fail("unknown commit flags")
	}
	m := Commit{Commit: r.uint64(), End: r.uint64(), Time: r.time()}
	return m, r.close()
}

// Origin names the server where the transaction was first committed.
type Origin struct {
	Commit uint64
	Name   string
}

// ParseOrigin decodes a message of KindOrigin.
func ParseOrigin(data []byte) (Origin, error) {
	r := open(data, KindOrigin)
	m := Origin{Commit: r.uint64(), Name: string(r.text())}
	return m, r.close()
}

// Relation describes a table as the changes that follow see it.
type Relation struct {
	OID             uint32
	Namespace, Name string
	Identity        byte // replica identity: 'd', 'i', 'f', 'n'
	Columns         []Column
}

// Column of a Relation.
type Column struct {
	Key    bool // part of the replica identity; every column under FULL
	Name   string
	Type   uint32
	Typmod int32
}

// ParseRelation decodes a message of KindRelation. Its strings are copies. An empty namespace means pg_catalog.
func ParseRelation(data []byte) (*Relation, error) {
	r := open(data, KindRelation)
	m := &Relation{OID: r.uint32(), Namespace: string(r.text()), Name: string(r.text()), Identity: r.byte()}
	if m.Namespace == "" {
		m.Namespace = "pg_catalog"
	}
	m.Columns = make([]Column, r.count(int(r.uint16()), 10))
	for i := range m.Columns {
		flags := r.byte()
		if flags > 1 {
			r.pos--
			r.fail("unknown column flags")
		}
		m.Columns[i] = Column{Key: flags == 1, Name: string(r.text()), Type: r.uint32(), Typmod: int32(r.uint32())}
	}
	return m, r.close()
}

// Type names a type that is not built in. Its columns are known by their oid, so nothing is made of it.
type Type struct {
	OID             uint32
	Namespace, Name string
}

// ParseType decodes a message of KindType.
func ParseType(data []byte) (Type, error) {
	r := open(data, KindType)
	m := Type{OID: r.uint32(), Namespace: string(r.text()), Name: string(r.text())}
	return m, r.close()
}

// Truncate empties tables.
type Truncate struct {
	Cascade         bool
	RestartIdentity bool
	Relations       []uint32 // oids
}

// ParseTruncate decodes a message of KindTruncate.
func ParseTruncate(data []byte) (Truncate, error) {
	r := open(data, KindTruncate)
	n := int(int32(r.uint32()))
	options := r.byte()
	if options > 3 {
		r.pos--
		r.fail("unknown truncate options")
	}
	if n == 0 {
		r.fail("no relations")
	}
	m := Truncate{Cascade: options&1 != 0, RestartIdentity: options&2 != 0, Relations: make([]uint32, r.count(n, 4))}
	for i := range m.Relations {
		m.Relations[i] = r.uint32()
	}
	return m, r.close()
}

// Message was written by pg_logical_emit_message.
type Message struct {
	Transactional bool
	Position      uint64
	Prefix        []byte
	Content       []byte
}

// ParseMessage decodes a message of KindMessage.
func ParseMessage(data []byte) (Message, error) {
	r := open(data, KindMessage)
	flags := r.byte()
	if flags > 1 {
		r.pos--
		r.fail("unknown message flags")
	}
	m := Message{Transactional: flags == 1, Position: r.uint64(), Prefix: r.text()}
	m.Content = r.take(int(int32(r.uint32())))
	return m, r.close()
}
