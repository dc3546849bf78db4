package replicator

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/replicator/pgoutput"
)

// assembler makes transactions out of the stream's messages. Rows of relations that are not replicated are not even decoded.
type assembler struct {
	source  string
	reg     *registry
	decoder pgoutput.Decoder
	bound   map[uint32]*binding
	version int64 // of reg, when bound was last compared with it

	memory slab
	tx     *buckets.Transaction // nil between transactions
	final  uint64               // position of its commit record
	xid    uint32               // of the newest transaction
	limit  int                  // bytes of an open transaction that are held
}

// binding is a relation as the stream last described it.
type binding struct {
	message *pgoutput.Relation
	catalog *buckets.Relation // what it was compared with
	rel     *buckets.Relation // what its rows are; nil: skip them
}

// changeSize is what a Change holds beside its values, about.
const changeSize = 160

var errProtocol = errors.New("replication protocol")

func newAssembler(source string, reg *registry, limit int) *assembler {
	a := &assembler{source: source, reg: reg, bound: map[uint32]*binding{}, limit: limit}
	a.decoder = pgoutput.Decoder{Values: a.memory.values, Unchanged: buckets.Unchanged()}
	return a
}

// open tells whether a transaction is under way: then a keepalive's position is not one to store.
func (a *assembler) open() bool { return a.tx != nil }

// add takes a message, whose bytes it copies where they are needed. At a commit it returns the transaction, which is the
// caller's from then on.
func (a *assembler) add(data []byte) (*buckets.Transaction, error) {
	kind, err := pgoutput.KindOf(data)
	if err != nil {
		return nil, err
	}
	if (a.tx == nil) == inTransaction(kind) && kind != pgoutput.KindMessage {
		return nil, fmt.Errorf("%w: message %q out of place", errProtocol, byte(kind))
	}
	switch kind {
	case pgoutput.KindBegin:
		return nil, a.begin(data)
	case pgoutput.KindCommit:
		return a.commit(data)
	case pgoutput.KindRelation:
		return nil, a.relation(data)
	case pgoutput.KindInsert, pgoutput.KindUpdate, pgoutput.KindDelete:
		return nil, a.row(data)
	case pgoutput.KindTruncate:
		return nil, a.truncate(data)
	case pgoutput.KindMessage:
		return nil, a.message(data)
	case pgoutput.KindOrigin:
		_, err = pgoutput.ParseOrigin(data)
	case pgoutput.KindType:
		_, err = pgoutput.ParseType(data)
	}
	return nil, err
}

// part takes what the open transaction holds, once that is more than the limit: it is to be staged, in order, before anything that
// follows (architecture 5.9). It returns nil while there is room.
func (a *assembler) part() *buckets.Part {
	if a.tx == nil || a.tx.Bytes <= a.limit {
		return nil
	}
	p := &buckets.Part{Source: a.source, Number: a.tx.Parts, Changes: a.tx.Changes, Bytes: a.tx.Bytes}
	a.tx.Parts++
	a.tx.Changes, a.tx.Bytes = nil, 0
	return p
}

// inTransaction tells whether messages of a kind come between Begin and Commit.
func inTransaction(kind pgoutput.Kind) bool { return kind != pgoutput.KindBegin }

func (a *assembler) begin(data []byte) error {
	m, err := pgoutput.ParseBegin(data)
	if err != nil {
		return err
	}
	a.tx = &buckets.Transaction{Source: a.source, Time: m.Time}
	a.final, a.xid = m.Final, m.Xid
	if v := a.reg.version.Load(); v != a.version {
		a.version = v
		for _, b := range a.bound {
			a.bind(b, false)
		}
	}
	return nil
}

func (a *assembler) commit(data []byte) (*buckets.Transaction, error) {
	m, err := pgoutput.ParseCommit(data)
	if err != nil {
		return nil, err
	}
	if m.Commit != a.final {
		return nil, fmt.Errorf("%w: commit does not belong to its begin", errProtocol)
	}
	tx := a.tx
	a.tx = nil
	tx.End = buckets.Position(m.End)
	return tx, nil
}

func (a *assembler) relation(data []byte) error {
	m, err := pgoutput.ParseRelation(data)
	if err != nil {
		return err
	}
	b := a.bound[m.OID]
	if b == nil {
		b = &binding{}
		a.bound[m.OID] = b
	}
	if b.message != nil && reflect.DeepEqual(b.message, m) && b.rel != nil {
		a.reg.described()
		return nil
	}
	b.message, b.catalog = m, nil
	a.bind(b, true)
	return nil
}

// bind finds out what b's rows are. The catalog shows the present, the stream the past, so they may differ; news tells that the
// stream described the relation just now, in which case a difference is reported to the planner.
func (a *assembler) bind(b *binding, news bool) {
	oid := b.message.OID
	cat := a.reg.lookup(oid)
	if cat != nil && cat == b.catalog {
		return
	}
	b.catalog = cat
	switch {
	case cat == nil:
		b.rel = nil
		if news {
			a.reg.sawUnknown(oid)
		}
	case news && !named(cat, b.message): // not news: renaming a schema makes Postgres describe no table of it anew
		b.rel = reshape(rename(cat, b.message), b.message)
		a.reg.sawChange(oid)
	case fits(cat, b.message):
		b.rel = cat
		if news {
			a.reg.described()
		}
	default:
		b.rel = reshape(cat, b.message)
		if news {
			a.reg.sawChange(oid)
		}
	}
}

func (a *assembler) row(data []byte) error {
	oid, err := pgoutput.RelationOf(data)
	if err != nil {
		return err
	}
	b := a.bound[oid]
	if b == nil {
		return fmt.Errorf("%w: row of relation %d, which was not described", errProtocol, oid)
	}
	if b.rel == nil {
		return nil
	}
	row, err := a.decoder.ParseRow(a.memory.copy(data))
	if err != nil {
		return err
	}
	n := len(b.rel.Columns)
	if row.Old != nil && len(row.Old) != n || row.New != nil && len(row.New) != n {
		return fmt.Errorf("%w: row of relation %d has another number of columns than its description", errProtocol, oid)
	}
	a.tx.Changes = append(a.tx.Changes, buckets.Change{
		Op: buckets.Op(row.Kind), Relation: b.rel, Old: row.Old, OldFull: row.OldFull, New: row.New,
	})
	a.tx.Bytes += len(data) + headSize*(len(row.Old)+len(row.New)) + changeSize
	return nil
}

func (a *assembler) truncate(data []byte) error {
	m, err := pgoutput.ParseTruncate(data)
	if err != nil {
		return err
	}
	var oids []uint32
	for _, oid := range m.Relations {
		if b := a.bound[oid]; b != nil && b.rel != nil {
			oids = append(oids, oid)
		}
	}
	if len(oids) > 0 {
		a.tx.Changes = append(a.tx.Changes, buckets.Change{Op: buckets.Truncate, Truncated: oids})
		a.tx.Bytes += changeSize + 4*len(oids)
	}
	return nil
}

// message keeps our own markers. A message outside a transaction only moves the stream.
func (a *assembler) message(data []byte) error {
	m, err := pgoutput.ParseMessage(data)
	if err != nil {
		return err
	}
	if !m.Transactional {
		return nil
	}
	if a.tx == nil {
		return fmt.Errorf("%w: transactional message outside a transaction", errProtocol)
	}
	content := string(m.Content)
	if string(m.Prefix) != MessagePrefix || content == chunkContent || content == headContent {
		return nil
	}
	a.tx.Changes = append(a.tx.Changes, buckets.Change{Op: buckets.Message, Prefix: MessagePrefix, Content: []byte(content)})
	a.tx.Bytes += changeSize + len(content)
	return nil
}
