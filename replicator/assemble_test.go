package replicator

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgoutput"
)

// wire builds a pgoutput message: numbers by their size, texts with a zero byte.
func wire(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case byte:
			b = append(b, p)
		case rune:
			b = append(b, byte(p))
		case uint16:
			b = binary.BigEndian.AppendUint16(b, p)
		case uint32:
			b = binary.BigEndian.AppendUint32(b, p)
		case uint64:
			b = binary.BigEndian.AppendUint64(b, p)
		case string:
			b = append(append(b, p...), 0)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

func beginWire(final uint64) []byte { return wire('B', final, uint64(0), uint32(1)) }
func commitWire(commit, end uint64) []byte {
	return wire('C', byte(0), commit, end, uint64(0))
}

func relationWire(oid uint32, columns ...string) []byte {
	parts := []any{'R', oid, "public", "t", 'd', uint16(len(columns))}
	for i, c := range columns {
		key := byte(0)
		if i == 0 {
			key = 1
		}
		parts = append(parts, key, c, uint32(25), uint32(0xffffffff))
	}
	return wire(parts...)
}

func insertWire(oid uint32, values ...string) []byte {
	parts := []any{'I', oid, 'N', uint16(len(values))}
	for _, v := range values {
		parts = append(parts, 't', uint32(len(v)), []byte(v))
	}
	return wire(parts...)
}

func knownRelation(oid uint32, columns ...string) *buckets.Relation {
	rel := &buckets.Relation{OID: oid, Schema: "public", Name: "t", Identity: 'd'}
	for i, c := range columns {
		rel.Columns = append(rel.Columns, buckets.Column{Name: c, Attnum: int16(i + 1), Type: textType(25), Typmod: -1, Key: i == 0})
	}
	return rel
}

// knowing is a registry that has one relation.
func knowing(rel *buckets.Relation) *registry {
	r := newRegistry()
	r.replace([]*unit{{table: &table{oid: rel.OID}, rel: rel}}, nil)
	return r
}

// feed adds messages and returns the last transaction.
func feed(t *testing.T, a *assembler, messages ...[]byte) *buckets.Transaction {
	t.Helper()
	var last *buckets.Transaction
	for _, m := range messages {
		tx, err := a.add(m)
		if err != nil {
			t.Fatalf("message %q: %v", m[0], err)
		}
		if tx != nil {
			last = tx
		}
		for i := range m {
			m[i] = 0xff // the connection reuses its buffer
		}
	}
	return last
}

func TestAssembler(t *testing.T) {
	rel := knownRelation(7, "id", "v")
	a := newAssembler("default", knowing(rel), stageMax)
	tx := feed(t, a,
		beginWire(100), relationWire(7, "id", "v"), relationWire(8, "x"),
		insertWire(7, "1", "a"), insertWire(8, "skipped"), insertWire(7, "2", ""),
		wire('T', uint32(2), byte(0), uint32(8), uint32(7)),
		wire('M', byte(1), uint64(90), "weir", uint32(5), []byte("nonce")),
		wire('M', byte(1), uint64(90), "weir", uint32(5), []byte("chunk")),
		wire('M', byte(1), uint64(90), "other", uint32(1), []byte("x")),
		commitWire(100, 110))
	if tx.End != 110 || tx.Source != "default" || len(tx.Changes) != 4 || tx.Bytes == 0 {
		t.Fatalf("transaction %+v", tx)
	}
	if c := tx.Changes[0]; c.Relation != rel || string(c.New[0]) != "1" || string(c.New[1]) != "a" {
		t.Errorf("first row %q of %+v", c.New, c.Relation)
	}
	if c := tx.Changes[1]; c.New[1] == nil || len(c.New[1]) != 0 {
		t.Errorf("empty text is %v", c.New[1])
	}
	if c := tx.Changes[2]; c.Op != buckets.Truncate || len(c.Truncated) != 1 || c.Truncated[0] != 7 {
		t.Errorf("truncate %+v", c)
	}
	if c := tx.Changes[3]; c.Op != buckets.Message || string(c.Content) != "nonce" {
		t.Errorf("message %+v", c)
	}
	if a.open() {
		t.Error("open behind the commit")
	}
}

// TestAssemblerMeetsAnotherShape: rows of a relation that the catalog has in another shape are kept, in the stream's shape, and the
// planner hears of it; once.
func TestAssemblerMeetsAnotherShape(t *testing.T) {
	reg := knowing(knownRelation(7, "id", "now"))
	a := newAssembler("default", reg, stageMax)
	tx := feed(t, a, beginWire(100), relationWire(7, "id", "before"), insertWire(7, "1", "a"), commitWire(100, 110))
	got := tx.Changes[0].Relation
	if got.Columns[0].Attnum != 1 || !got.Columns[0].Key || got.Columns[1].Name != "before" || got.Columns[1].Attnum > 0 {
		t.Errorf("relation %+v", got)
	}
	if !reg.hasChanged(7) {
		t.Error("the planner does not know")
	}
	reg.settle([]uint32{7})
	next := knownRelation(7, "id", "later")
	reg.replace([]*unit{{table: &table{oid: 7}, rel: next}}, nil)
	tx = feed(t, a, beginWire(120), insertWire(7, "1", "a"), commitWire(120, 130))
	if got := tx.Changes[0].Relation; got.Columns[1].Name != "before" {
		t.Errorf("an old row is taken for %+v", got)
	}
	if reg.hasChanged(7) {
		t.Error("the stream brought nothing new, but the planner is told so")
	}
	tx = feed(t, a, beginWire(140), relationWire(7, "id", "later"), insertWire(7, "1", "a"), commitWire(140, 150))
	if tx.Changes[0].Relation != next {
		t.Errorf("relation %+v, want the catalog's", tx.Changes[0].Relation)
	}
}

// TestAssemblerProtocolErrors: what can't be understood is an error, never skipped.
func TestAssemblerProtocolErrors(t *testing.T) {
	for _, test := range []struct {
		name     string
		messages [][]byte
		want     string
	}{
		{"row outside a transaction", [][]byte{insertWire(7, "1", "a")}, "out of place"},
		{"begin in a transaction", [][]byte{beginWire(1), beginWire(2)}, "out of place"},
		{"commit without begin", [][]byte{commitWire(1, 2)}, "out of place"},
		{"commit of another", [][]byte{beginWire(1), commitWire(2, 3)}, "does not belong"},
		{"row of the unknown", [][]byte{beginWire(1), insertWire(7, "1", "a")}, "not described"},
		{"row too short", [][]byte{beginWire(1), relationWire(7, "id", "v"), insertWire(7, "1")}, "another number of columns"},
		{"loose marker", [][]byte{wire('M', byte(1), uint64(9), "weir", uint32(0))}, "outside a transaction"},
		{"streamed block", [][]byte{wire('S', uint32(1), byte(1))}, "unknown kind"},
	} {
		a := newAssembler("default", knowing(knownRelation(7, "id", "v")), stageMax)
		var err error
		for _, m := range test.messages {
			if _, err = a.add(m); err != nil {
				break
			}
		}
		var malformed *pgoutput.Error
		if err == nil || !errors.Is(err, errProtocol) && !errors.As(err, &malformed) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error with %q", test.name, err, test.want)
		}
	}
}

func BenchmarkAssembler(b *testing.B) {
	a := newAssembler("default", knowing(knownRelation(7, "id", "v")), stageMax)
	for _, m := range [][]byte{beginWire(1), relationWire(7, "id", "v"), commitWire(1, 2)} {
		if _, err := a.add(m); err != nil {
			b.Fatal(err)
		}
	}
	messages := [][]byte{beginWire(3), insertWire(7, "11111111-2222-3333-4444-555555555555", "some text of a row"), commitWire(3, 4)}
	b.ReportAllocs()
	for b.Loop() {
		for _, m := range messages {
			if _, err := a.add(m); err != nil {
				b.Fatal(err)
			}
		}
	}
}
