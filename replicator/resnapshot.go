package replicator

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirsync/weir/buckets"
)

// ResnapshotRequest asks for a table to be read again, by hand.
type ResnapshotRequest struct {
	Schema, Table string // as the rules name it: of the root, where it is partitioned
	Where         string // an SQL condition: only rows that meet it are read; "" for all
}

// ErrNoTable is returned where no table of that name is tracked.
var ErrNoTable = errors.New("the rules read no such table of this source")

// ErrNotAsked is returned by Cancel where the tables are not being read because somebody asked for it: what weir itself has begun is
// needed.
var ErrNotAsked = errors.New("no resnapshot that was asked for is reading the table")

// Resnapshot begins to read a table again beside the stream, and returns the tracked tables that this concerns once it is durable that they
// are; it does not wait for their end. All rows are compared with what is stored, and what is no longer there goes (I12). With a
// condition only the rows that meet it are read, and no others are looked at. buckets.ErrReading: it is not complete anyway.
// *ConditionError: the condition is no good.
func (s *Source) Resnapshot(ctx context.Context, r ResnapshotRequest) ([]buckets.Table, error) {
	tables, err := s.named(r.Schema, r.Table)
	if err != nil {
		return nil, err
	}
	a := buckets.Again{Keep: r.Where != ""}
	for _, t := range tables {
		if r.Where != "" {
			if err := s.checkCondition(ctx, t.Relation.OID, r.Where); err != nil {
				return nil, err
			}
		}
		a.Tables = append(a.Tables, t.ID)
	}
	p := progress{Asked: true, Where: r.Where}
	if a.Progress, err = p.encode(); err != nil {
		return nil, err
	}
	begun, err := s.store.ReadAgain(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("resnapshot table %s: %w", ident(r.Schema, r.Table), err)
	}
	for _, t := range begun {
		s.tasks.gaveUp(t.ID, "")
	}
	s.log.Info("resnapshot asked for", "table", ident(r.Schema, r.Table), "condition", r.Where != "")
	return begun, nil
}

// Pause stops the reading of a table before its next chunk, whatever it is read for, until Resume or the end of the process: a pause
// that somebody forgot would keep the gate shut for good (I9). In sequential mode the tables behind it wait too.
func (s *Source) Pause(schema, table string) ([]buckets.Table, error) {
	return s.eachNamed(schema, table, s.tasks.pause)
}

// Resume ends a Pause.
func (s *Source) Resume(schema, table string) ([]buckets.Table, error) {
	return s.eachNamed(schema, table, s.tasks.resume)
}

func (s *Source) eachNamed(schema, table string, do func(buckets.TableID)) ([]buckets.Table, error) {
	tables, err := s.named(schema, table)
	for _, t := range tables {
		do(t.ID)
	}
	return tables, err
}

// Cancel ends a resnapshot that was asked for: rows that it has not read stay as they are.
func (s *Source) Cancel(ctx context.Context, schema, table string) ([]buckets.Table, error) {
	tables, err := s.named(schema, table)
	if err != nil {
		return nil, err
	}
	var ended []buckets.Table
	for _, t := range tables {
		if !asked(&t) {
			continue
		}
		err := s.store.StopReading(ctx, t.ID, t.Generation)
		if err != nil && !errors.Is(err, buckets.ErrStaleGeneration) { // that one is past its chunks
			return nil, fmt.Errorf("cancel resnapshot of table %s: %w", ident(schema, table), err)
		}
		s.tasks.resume(t.ID)
		ended = append(ended, t)
	}
	if len(ended) == 0 {
		return nil, ErrNotAsked
	}
	s.log.Info("resnapshot cancelled", "table", ident(schema, table))
	return ended, nil
}

// asked tells whether a table's chunk phase was begun by hand.
func asked(t *buckets.Table) bool {
	if t.Phase != buckets.Chunking || t.Progress == nil {
		return false
	}
	p, err := decodeProgress(t.Progress)
	return err == nil && p.Asked
}

// named lists the tracked tables that the rules know under a name.
func (s *Source) named(schema, table string) (out []buckets.Table, err error) {
	for _, t := range s.store.Tables(s.cfg.Name) {
		if t.Relation.Schema == schema && t.Relation.Name == table {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("table %s of source %s: %w", ident(schema, table), s.cfg.Name, ErrNoTable)
	}
	return out, nil
}
