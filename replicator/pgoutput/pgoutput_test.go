package pgoutput

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var unchanged = []byte("<unchanged>")

func newDecoder() *Decoder {
	return &Decoder{Values: func(n int) [][]byte { return make([][]byte, n) }, Unchanged: unchanged}
}

// parse decodes data by its kind.
func parse(data []byte) (any, error) {
	kind, err := KindOf(data)
	if err != nil {
		return nil, err
	}
	switch kind {
	case KindBegin:
		return ParseBegin(data)
	case KindCommit:
		return ParseCommit(data)
	case KindOrigin:
		return ParseOrigin(data)
	case KindRelation:
		return ParseRelation(data)
	case KindType:
		return ParseType(data)
	case KindTruncate:
		return ParseTruncate(data)
	case KindMessage:
		return ParseMessage(data)
	default:
		return newDecoder().ParseRow(data)
	}
}

func values(texts ...any) [][]byte {
	out := make([][]byte, len(texts))
	for i, text := range texts {
		if s, ok := text.(string); ok {
			out[i] = []byte(s)
		}
	}
	return out
}

func TestParse(t *testing.T) {
	at := time.Date(2022, 3, 7, 20, 26, 40, 1000, time.UTC)
	unsent := string(unchanged)
	want := map[string]any{
		"begin":  Begin{Final: 0x16B3748, Time: at, Xid: 741},
		"commit": Commit{Commit: 0x16B3748, End: 0x16B3778, Time: at},
		"origin": Origin{Commit: 0x16B3748, Name: "upstream"},
		"relation": &Relation{
			OID: 16385, Namespace: "public", Name: "visits", Identity: 'd',
			Columns: []Column{{Key: true, Name: "id", Type: 20, Typmod: -1}, {Name: "note", Type: 1043, Typmod: 104}},
		},
		"no columns":    &Relation{OID: 16386, Namespace: "pg_catalog", Name: "empty", Identity: 'f', Columns: []Column{}},
		"type":          Type{OID: 16400, Namespace: "public", Name: "mood"},
		"insert":        Row{Kind: 'I', Relation: 16385, New: values("1", "", nil, "ünï", unsent)},
		"update":        Row{Kind: 'U', Relation: 16385, New: values("1", unsent)},
		"update key":    Row{Kind: 'U', Relation: 16385, Old: values("1", nil), New: values("2", "b")},
		"update full":   Row{Kind: 'U', Relation: 16385, Old: values("1", "a"), OldFull: true, New: values("1", "b")},
		"delete":        Row{Kind: 'D', Relation: 16385, Old: values("1", nil)},
		"delete full":   Row{Kind: 'D', Relation: 16385, Old: values("1", "a"), OldFull: true},
		"truncate":      Truncate{Cascade: true, RestartIdentity: true, Relations: []uint32{16385, 16390}},
		"message":       Message{Transactional: true, Position: 0x16B3700, Prefix: []byte("weir"), Content: []byte("nonce")},
		"plain message": Message{Position: 0x16B3700, Prefix: []byte{}, Content: []byte{}},
	}
	for name, data := range samples() {
		got, err := parse(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want[name], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestParseUnchangedIsTheMark: the mark is passed on by identity, not as a copy.
func TestParseUnchangedIsTheMark(t *testing.T) {
	row, err := newDecoder().ParseRow(samples()["update"])
	if err != nil {
		t.Fatal(err)
	}
	if got := row.New[1]; &got[0] != &unchanged[0] {
		t.Error("unchanged value is not the decoder's mark")
	}
}

// TestParseCut: a message cut anywhere, or with a byte more, is an Error and never a panic or a result.
func TestParseCut(t *testing.T) {
	for name, data := range samples() {
		for n := range data {
			if got, err := parse(data[:n:n]); err == nil {
				t.Errorf("%s cut to %d bytes: got %+v, want an error", name, n, got)
			}
		}
		got, err := parse(append(data[:len(data):len(data)], 0))
		var fault *Error
		if !errors.As(err, &fault) {
			t.Errorf("%s with a byte more: got %+v, %v, want an Error", name, got, err)
		}
	}
}

func TestParseFaults(t *testing.T) {
	for _, test := range []struct {
		data []byte
		want string
	}{
		{nil, `decode pgoutput message '\x00': empty message at byte 0`},
		{build('S').u32(1), `decode pgoutput message 'S': unknown kind of message at byte 0`},
		{build('b').u64(1), `decode pgoutput message 'b': unknown kind of message at byte 0`},
		{build('C').u8(1).u64(1).u64(2).u64(3), `decode pgoutput message 'C': unknown commit flags at byte 1`},
		{build('I').u32(1).tuple('K', "1"), `decode pgoutput message 'I': no tuple of this message at byte 6`},
		{build('D').u32(1).tuple('N', "1"), `decode pgoutput message 'D': no tuple of this message at byte 6`},
		{build('U').u32(1).tuple('K', "1").tuple('O', "1"), `decode pgoutput message 'U': no new tuple at byte 15`},
		{build('I').u32(1).u8('N').u16(1).u8('b').u32(1).u8(7), `decode pgoutput message 'I': unknown kind of column at byte 9`},
		{build('I').u32(1).u8('N').u16(65535).u8('n'), `decode pgoutput message 'I': count beyond the end of the message at byte 8`},
		{build('I').u32(1).u8('N').u16(1).u8('t').u32(0xffffffff), `decode pgoutput message 'I': message ends early at byte 13`},
		{build('T').u32(0xffffffff).u8(0), `decode pgoutput message 'T': count beyond the end of the message at byte 6`},
		{build('O').u64(1), `decode pgoutput message 'O': text without an end at byte 9`},
	} {
		_, err := parse(test.data)
		if err == nil || err.Error() != test.want {
			t.Errorf("% x:\n got %v\nwant %s", test.data, err, test.want)
		}
	}
}
