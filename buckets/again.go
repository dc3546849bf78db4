package buckets

import (
	"context"
	"errors"
)

// ErrReading is returned where a table should be read again that is not complete.
var ErrReading = errors.New("the table is being read already")

// Again asks for complete tables to be read again although nothing is known to be wrong with them.
type Again struct {
	Tables   []TableID
	Keep     bool   // only some rows will be read: the others stay as they are, and nothing is swept
	Progress []byte // what the driver finds as Table.Progress
}

// ReadAgain begins a generation of each table, of all or of none: ErrReading if one of them is not Done. It reports the tables as they
// are then.
func (s *Store) ReadAgain(ctx context.Context, a Again) ([]Table, error) {
	var out []Table
	err := s.do(ctx, func(b *batch) error {
		for _, id := range a.Tables {
			t := s.catalog.tables[id]
			if t == nil || !t.wanted() || t.dropped {
				return ErrStaleGeneration
			}
			if t.Phase != Done || t.Partials > 0 {
				return ErrReading
			}
		}
		for _, id := range a.Tables {
			t := s.catalog.tables[id]
			if err := b.begin(id, t.Relation); err != nil {
				return err
			}
			b.change(t, func() { t.Progress, t.swept, t.whole = a.Progress, a.Keep, t.whole && !a.Keep })
			out = append(out, t.Table)
		}
		return nil
	})
	if err != nil { // of ctx: the job may still run, and write to out
		return nil, err
	}
	return out, nil
}

// StopReading ends the chunk phase of a generation that ReadAgain began: rows that it has not read stay as they are, which the stream
// has kept up to date. The table goes on to its fence. A chunk phase that is over gives ErrStaleGeneration.
func (s *Store) StopReading(ctx context.Context, id TableID, gen Generation) error {
	return s.do(ctx, func(b *batch) error {
		t, err := b.table(id, gen)
		if err != nil {
			return err
		}
		if t.Phase != Chunking || gen == 1 {
			return ErrStaleGeneration
		}
		b.change(t, func() { t.Phase, t.Progress, t.swept, t.whole = Repairing, nil, true, false })
		b.look = true
		return nil
	})
}
