package buckets

import (
	"context"
	"errors"
	"sync"
)

// ErrStopped is returned for work that comes after the writer has stopped.
var ErrStopped = errors.New("the store has stopped")

type jobKind uint8

const (
	jobTransaction jobKind = iota
	jobPart
	jobKeepalive
	jobControl
	jobChunk
	jobChore // never queued
)

// job is a piece of work for the writer.
type job struct {
	kind    jobKind
	tx      *Transaction
	part    *Part
	source  string   // of a keepalive
	pos     Position // of a keepalive
	control func(*batch) error
	bytes   int

	err  error         // of control; set before done is closed
	done chan struct{} // closed when durable, or when the job will never run; nil if nobody waits
}

// jobBytes is what a job of the stream holds beside its changes, about: Postgres 14 sends every transaction of other tables, empty.
const jobBytes = 256

// queue holds what waits for the writer, bounded in bytes (I14): the stream (with control jobs, whose place in it counts), and
// chunks. A job larger than the bound is let in alone.
type queue struct {
	limit int

	mu      sync.Mutex
	stream  []*job
	chunks  []*job
	bytes   [2]int        // waiting in stream, chunks
	ready   chan struct{} // signals the writer; capacity 1
	room    chan struct{} // closed and replaced when jobs were taken
	stopped error
	halted  chan struct{} // closed when stopped is set
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, ready: make(chan struct{}, 1), room: make(chan struct{}), halted: make(chan struct{})}
}

func (q *queue) list(k jobKind) (*[]*job, *int) {
	if k == jobChunk {
		return &q.chunks, &q.bytes[1]
	}
	return &q.stream, &q.bytes[0]
}

// put queues j, waiting for room.
func (q *queue) put(ctx context.Context, j *job) error {
	for {
		q.mu.Lock()
		if q.stopped != nil {
			q.mu.Unlock()
			return q.stopped
		}
		jobs, bytes := q.list(j.kind)
		if *bytes == 0 || *bytes+j.bytes <= q.limit || j.kind == jobControl {
			*jobs = append(*jobs, j)
			*bytes += j.bytes
			q.mu.Unlock()
			q.wake()
			return nil
		}
		room := q.room
		q.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// run queues j and waits until it is done.
func (q *queue) run(ctx context.Context, j *job) error {
	j.done = make(chan struct{})
	if err := q.put(ctx, j); err != nil {
		return err
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.stream)+len(q.chunks) == 0
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take removes what one batch shall hold: up to so many bytes of the stream first; then chunks up to fewer bytes in all, at least one, so
// that neither starves the other.
func (q *queue) take(stream, limit int) []*job {
	q.mu.Lock()
	defer q.mu.Unlock()
	jobs, n := cut(&q.stream, &q.bytes[0], stream)
	more, _ := cut(&q.chunks, &q.bytes[1], max(limit-n, 1))
	if len(q.stream)+len(q.chunks) > 0 {
		q.wake()
	}
	if jobs = append(jobs, more...); len(jobs) > 0 {
		close(q.room)
		q.room = make(chan struct{})
	}
	return jobs
}

// cut takes jobs from the front until they hold limit bytes, at least one. What stands behind the commit of a staged transaction
// waits until that one is applied: it must neither overtake it nor stage parts over its own.
func cut(jobs *[]*job, waiting *int, limit int) (taken []*job, n int) {
	i := 0
	for i < len(*jobs) && (i == 0 || n+(*jobs)[i].bytes <= limit && !(*jobs)[i-1].staged()) {
		n += (*jobs)[i].bytes
		i++
	}
	taken = append(taken, (*jobs)[:i]...)
	clear((*jobs)[:i])
	if *jobs = (*jobs)[i:]; len(*jobs) == 0 {
		*jobs = nil
	}
	*waiting -= n
	return taken, n
}

// stop refuses further work and lets go of everything that waits.
func (q *queue) stop(reason error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = reason
	close(q.halted)
	for _, j := range append(q.stream, q.chunks...) {
		j.finish(reason)
	}
	q.stream, q.chunks, q.bytes = nil, nil, [2]int{}
	close(q.room)
	q.room = make(chan struct{})
}

// staged tells whether j is the commit of a transaction that was staged.
func (j *job) staged() bool { return j.kind == jobTransaction && j.tx.Parts > 0 }

// ended tells whether j has run, or never will.
func (j *job) ended() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

func (j *job) finish(err error) {
	if j.err == nil {
		j.err = err
	}
	if j.done != nil {
		close(j.done)
	}
}
