package syncclient

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weirsync/weir/clients/wire"
)

// state is what a client holds: the download state, and the rows made from it.
type state struct {
	held    map[string]*bucket
	rows    *rows // nil if rows are discarded
	streams []wire.Stream

	// Of the connection:
	announced map[string]*wire.Bucket // nil before the first checkpoint
	lastOp    uint64                  // of the checkpoint under way
	write     int64
}

// bucket is the download state of a bucket.
type bucket struct {
	name     string
	last     uint64 // position to resume from
	sum      uint32 // of the checksums of all operations, as the server sums them
	priority int
}

// ChecksumError says that buckets don't hold what the server says they should. They are forgotten and will be downloaded again.
type ChecksumError struct {
	Checkpoint uint64
	Buckets    []string
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("wrong checksum at checkpoint %d: %s", e.Checkpoint, strings.Join(e.Buckets, ", "))
}

func newState(keep bool) *state {
	s := &state{held: map[string]*bucket{}}
	if keep {
		s.rows = newRows()
	}
	return s
}

// connected begins a connection, on which the first line must be a checkpoint.
func (s *state) connected() { s.announced, s.lastOp = nil, 0 }

func (s *state) positions() map[string]uint64 {
	out := make(map[string]uint64, len(s.held))
	for name, b := range s.held {
		out[name] = b.last
	}
	return out
}

// handle does what the line says, and returns what it applied, if anything.
func (s *state) handle(line *wire.Line) (*Applied, error) {
	switch {
	case line.Checkpoint != nil:
		return nil, s.checkpoint(line.Checkpoint)
	case line.Diff != nil:
		return nil, s.diff(line.Diff)
	case line.Page != nil:
		return nil, s.page(line.Page)
	case line.Partial != nil:
		return s.complete(line.Partial.LastOp, line.Partial.Priority)
	case line.Complete != nil:
		return s.complete(*line.Complete, -1)
	}
	return nil, nil
}

var errNoCheckpoint = errors.New("a line came before the first checkpoint")

func (s *state) checkpoint(c *wire.Checkpoint) error {
	if err := s.advance(c.LastOp, c.WriteCheckpoint); err != nil {
		return err
	}
	s.streams = c.Streams
	s.announced = make(map[string]*wire.Bucket, len(c.Buckets))
	s.announce(c.Buckets)
	if len(s.announced) != len(c.Buckets) {
		return errors.New("checkpoint names a bucket twice")
	}
	for name := range s.held {
		if s.announced[name] == nil {
			s.forget(name)
		}
	}
	return nil
}

func (s *state) diff(d *wire.Diff) error {
	if s.announced == nil {
		return errNoCheckpoint
	}
	if err := s.advance(d.LastOp, d.WriteCheckpoint); err != nil {
		return err
	}
	for _, name := range d.Removed {
		delete(s.announced, name)
		s.forget(name)
	}
	s.announce(d.Updated)
	return nil
}

// advance begins a checkpoint. Op ids never go back on a connection.
func (s *state) advance(lastOp uint64, write int64) error {
	if lastOp < s.lastOp {
		return fmt.Errorf("checkpoint %d came after %d", lastOp, s.lastOp)
	}
	s.lastOp, s.write = lastOp, write
	return nil
}

func (s *state) announce(list []wire.Bucket) {
	for i := range list {
		b := list[i]
		s.announced[b.Name] = &b
		if held := s.held[b.Name]; held != nil {
			held.priority = b.Priority
		}
	}
}

// forget drops the bucket. Its rows stay visible until the next completion.
func (s *state) forget(name string) {
	if b := s.held[name]; b != nil {
		delete(s.held, name)
		if s.rows != nil {
			s.rows.drop(b)
		}
	}
}

func (s *state) page(p *wire.Page) error {
	if s.announced == nil {
		return errNoCheckpoint
	}
	announced := s.announced[p.Bucket]
	if announced == nil {
		return fmt.Errorf("data for bucket %s, which the checkpoint does not have", p.Bucket)
	}
	b := s.held[p.Bucket]
	if b == nil {
		b = &bucket{name: p.Bucket, priority: announced.Priority}
		s.held[p.Bucket] = b
	}
	for i := range p.Ops {
		op := &p.Ops[i]
		if op.ID <= b.last || op.ID > s.lastOp {
			return fmt.Errorf("op %d for bucket %s, which is at %d with checkpoint %d", op.ID, p.Bucket, b.last, s.lastOp)
		}
		b.last = op.ID
		s.op(b, op)
	}
	if len(p.Ops) == 0 || p.Next != b.last {
		return fmt.Errorf("page of bucket %s has %d ops and next %d, it ends at %d", p.Bucket, len(p.Ops), p.Next, b.last)
	}
	return nil
}

// op takes an operation in. The sum is of all operations: one that supersedes another moves its checksum, but doesn't take it away. CLEAR stands for
// everything before it.
func (s *state) op(b *bucket, op *wire.Op) {
	if op.Kind == wire.Clear {
		b.sum = op.Checksum
	} else {
		b.sum += op.Checksum
	}
	if s.rows != nil {
		s.rows.op(b, op)
	}
}

// complete verifies the buckets up to the priority, all if it is -1, and publishes them.
func (s *state) complete(lastOp uint64, priority int) (*Applied, error) {
	if s.announced == nil {
		return nil, errNoCheckpoint
	}
	if lastOp != s.lastOp {
		return nil, fmt.Errorf("checkpoint %d is completed, but %d is under way", lastOp, s.lastOp)
	}
	if err := s.verify(priority); err != nil {
		return nil, err
	}
	applied := &Applied{Checkpoint: lastOp, WriteCheckpoint: s.write, Priority: priority}
	if s.rows != nil {
		applied.Changes = s.rows.publish(priority)
	}
	for _, b := range s.held {
		if priority < 0 || b.priority <= priority {
			b.last = lastOp
		}
	}
	return applied, nil
}

func (s *state) verify(priority int) error {
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(s.announced)) {
		announced := s.announced[name]
		if priority >= 0 && announced.Priority > priority {
			continue
		}
		var sum uint32
		if b := s.held[name]; b != nil {
			sum = b.sum
		}
		if sum != announced.Checksum {
			wrong = append(wrong, name)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	for _, name := range wrong {
		s.forget(name)
	}
	return &ChecksumError{Checkpoint: s.lastOp, Buckets: wrong}
}
