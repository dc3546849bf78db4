package pgoutput

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"
)

// TestAgainstPglogrepl: a decoder that others rely on reads the same from the same bytes.
func TestAgainstPglogrepl(t *testing.T) {
	for name, data := range samples() {
		if name == "no columns" {
			continue // pglogrepl leaves the empty namespace empty
		}
		ours, err := parse(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		theirs, err := pglogrepl.Parse(data)
		if err != nil {
			t.Errorf("%s: pglogrepl: %v", name, err)
			continue
		}
		if diff := cmp.Diff(translate(theirs), ours); diff != "" {
			t.Errorf("%s (-pglogrepl +ours):\n%s", name, diff)
		}
	}
}

func translate(m pglogrepl.Message) any {
	switch m := m.(type) {
	case *pglogrepl.BeginMessage:
		return Begin{Final: uint64(m.FinalLSN), Time: m.CommitTime.UTC(), Xid: m.Xid}
	case *pglogrepl.CommitMessage:
		return Commit{Commit: uint64(m.CommitLSN), End: uint64(m.TransactionEndLSN), Time: m.CommitTime.UTC()}
	case *pglogrepl.OriginMessage:
		return Origin{Commit: uint64(m.CommitLSN), Name: m.Name}
	case *pglogrepl.RelationMessage:
		return translateRelation(m)
	case *pglogrepl.TypeMessage:
		return Type{OID: m.DataType, Namespace: m.Namespace, Name: m.Name}
	case *pglogrepl.InsertMessage:
		return Row{Kind: KindInsert, Relation: m.RelationID, New: translateTuple(m.Tuple)}
	case *pglogrepl.UpdateMessage:
		return Row{
			Kind: KindUpdate, Relation: m.RelationID, New: translateTuple(m.NewTuple),
			Old: translateTuple(m.OldTuple), OldFull: m.OldTupleType == pglogrepl.UpdateMessageTupleTypeOld,
		}
	case *pglogrepl.DeleteMessage:
		return Row{
			Kind: KindDelete, Relation: m.RelationID,
			Old: translateTuple(m.OldTuple), OldFull: m.OldTupleType == pglogrepl.DeleteMessageTupleTypeOld,
		}
	case *pglogrepl.TruncateMessage:
		return Truncate{Cascade: m.Option&1 != 0, RestartIdentity: m.Option&2 != 0, Relations: append([]uint32{}, m.RelationIDs...)}
	case *pglogrepl.LogicalDecodingMessage:
		return Message{Transactional: m.Transactional, Position: uint64(m.LSN), Prefix: []byte(m.Prefix), Content: m.Content}
	default:
		return fmt.Sprintf("%T", m)
	}
}

func translateRelation(m *pglogrepl.RelationMessage) *Relation {
	r := &Relation{OID: m.RelationID, Namespace: m.Namespace, Name: m.RelationName, Identity: m.ReplicaIdentity, Columns: []Column{}}
	for _, c := range m.Columns {
		r.Columns = append(r.Columns, Column{Key: c.Flags == 1, Name: c.Name, Type: c.DataType, Typmod: c.TypeModifier})
	}
	return r
}

func translateTuple(t *pglogrepl.TupleData) [][]byte {
	if t == nil {
		return nil
	}
	values := make([][]byte, len(t.Columns))
	for i, c := range t.Columns {
		switch c.DataType {
		case 't':
			values[i] = append([]byte{}, c.Data...)
		case 'u':
			values[i] = unchanged
		}
	}
	return values
}
