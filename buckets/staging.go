package buckets

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/weirsync/weir/storage"
)

// Part is a piece of a transaction that is too big to be held in memory (architecture 5.9).
type Part struct {
	Source  string
	Number  int // from 0, in order; 0 drops what a transaction left whose commit never came
	Changes []Change
	Bytes   int // memory that the changes hold, about
}

// Stage writes a part to the store without applying it: no op, no row state, nothing to acknowledge. The transaction's commit is
// Apply with Parts set. What has no commit is dropped by the next part 0, and at the next start.
func (s *Store) Stage(ctx context.Context, p *Part) error {
	return s.queue.put(ctx, &job{kind: jobPart, part: p, bytes: p.Bytes})
}

// staged is a big transaction that is being applied.
type staged struct {
	storage.Staged
	relations []*Relation
}

// loadStaged takes up what a process before left.
func (s *Store) loadStaged(tx *storage.Tx) error {
	return tx.Staged(func(source string, rec storage.Staged) error {
		st := &staged{Staged: rec}
		for _, text := range rec.Relations {
			rel := &Relation{}
			if err := json.Unmarshal(text, rel); err != nil {
				return fmt.Errorf("staged transaction of source %s: %w", source, err)
			}
			st.relations = append(st.relations, rel)
		}
		s.staged[source] = st
		return nil
	})
}

// dropOrphans removes what a process before staged without getting to the commit: it is sent again.
func (s *Store) dropOrphans() error {
	var orphans []string
	if err := s.db.View(func(tx *storage.Tx) error {
		for name := range s.sources {
			if s.staged[name] == nil && tx.HasParts(name) {
				orphans = append(orphans, name)
			}
		}
		return nil
	}); err != nil || len(orphans) == 0 {
		return err
	}
	return s.db.Update(func(tx *storage.Tx) error {
		for _, name := range orphans {
			if err := tx.DropParts(name); err != nil {
				return err
			}
		}
		return nil
	})
}

// part stores a part. Relations are numbered as they come, in the source's memory: if that is lost, so is the transaction.
func (b *batch) part(p *Part) error {
	src := b.s.sources[p.Source]
	if src == nil {
		return fmt.Errorf("part of a transaction of source %q, which is not configured", p.Source)
	}
	if p.Number == 0 {
		src.relations = nil
		if err := b.tx.DropParts(p.Source); err != nil {
			return err
		}
	}
	return b.tx.PutPart(p.Source, p.Number, src.encode(p.Changes))
}

// encode encodes changes and gives their relations numbers.
func (src *source) encode(changes []Change) []byte {
	var out []byte
	for i := range changes {
		c := &changes[i]
		out = storage.AppendStagedChange(out, &storage.StagedChange{
			Op: byte(c.Op), Relation: src.relation(c.Relation), OldFull: c.OldFull, Old: stagedTuple(c.Old), New: stagedTuple(c.New),
			Truncated: c.Truncated, Prefix: c.Prefix, Content: c.Content,
		})
	}
	return out
}

func (src *source) relation(rel *Relation) int {
	if rel == nil {
		return 0
	}
	for i, r := range src.relations {
		if r == rel {
			return i
		}
	}
	src.relations = append(src.relations, rel)
	return len(src.relations) - 1
}

func stagedTuple(t Tuple) []storage.StagedValue {
	if t == nil {
		return nil
	}
	out := make([]storage.StagedValue, len(t))
	for i, v := range t {
		switch {
		case v == nil:
		case IsUnchanged(v):
			out[i].Kind = storage.ValueUnchanged
		default:
			out[i] = storage.StagedValue{Kind: storage.ValueText, Text: v}
		}
	}
	return out
}

func tupleOf(t []storage.StagedValue) Tuple {
	if t == nil {
		return nil
	}
	out := make(Tuple, len(t))
	for i, v := range t {
		switch v.Kind {
		case storage.ValueUnchanged:
			out[i] = unchanged
		case storage.ValueText:
			out[i] = v.Text
		}
	}
	return out
}

// commitStaged makes a big transaction's commit durable: from here on it may be acknowledged, the gate is closed, and nothing else
// is written until all of it is applied.
func (b *batch) commitStaged(tx *Transaction) error {
	src := b.s.sources[tx.Source]
	if err := b.tx.PutPart(tx.Source, tx.Parts, src.encode(tx.Changes)); err != nil {
		return err
	}
	st := &staged{Staged: storage.Staged{End: tx.End, Time: tx.Time, Parts: tx.Parts + 1}, relations: src.relations}
	src.relations = nil
	for _, rel := range st.relations {
		text, err := json.Marshal(rel)
		if err != nil {
			return err
		}
		st.Relations = append(st.Relations, text)
	}
	b.s.staged[tx.Source] = st
	b.positions[tx.Source] = tx.End // durable; it counts as applied when it is
	return b.tx.PutStaged(tx.Source, &st.Staged)
}

// applyStaged applies the next part of each big transaction: its rows, the cursor and the removal of the part are one update, so a
// crash goes on where it was.
func (b *batch) applyStaged() error {
	for source, st := range b.s.staged {
		if st.Applied < st.Parts {
			if err := b.applyPart(source, st); err != nil {
				return fmt.Errorf("apply part %d of the transaction ending at %s of source %s: %w", st.Applied, st.End, source, err)
			}
			st.Applied++
			b.s.step(StepStaged)
		}
		if st.Applied < st.Parts {
			if err := b.tx.PutStaged(source, &st.Staged); err != nil {
				return err
			}
			continue
		}
		delete(b.s.staged, source)
		b.setPosition(source, st.End)
		b.tally.committed(&Transaction{Source: source, End: st.End, Time: st.Time})
		if err := b.tx.PutStaged(source, nil); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) applyPart(source string, st *staged) error {
	changes, err := b.tx.Part(source, st.Applied)
	if err != nil {
		return err
	}
	tx := &Transaction{Source: source, End: st.End, Time: st.Time}
	err = storage.DecodeStaged(changes, func(sc *storage.StagedChange) error {
		c := &Change{
			Op: Op(sc.Op), OldFull: sc.OldFull, Old: tupleOf(sc.Old), New: tupleOf(sc.New),
			Truncated: sc.Truncated, Prefix: sc.Prefix, Content: sc.Content,
		}
		if c.Op == Insert || c.Op == Update || c.Op == Delete {
			if sc.Relation < 0 || sc.Relation >= len(st.relations) {
				return fmt.Errorf("staged change names relation %d of %d", sc.Relation, len(st.relations))
			}
			c.Relation = st.relations[sc.Relation]
		}
		return b.changeOf(tx, c)
	})
	if err != nil {
		return err
	}
	return b.tx.DeletePart(source, st.Applied)
}
