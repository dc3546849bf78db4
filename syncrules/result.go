package syncrules

import "slices"

// Result collects what rows evaluate to. All bytes belong to it and are valid until Reset. The zero value is ready.
type Result struct {
	Rows   []BucketRow
	Params []ParameterRow
	Events []EventRow
	Errors []RowError

	arena []byte
}

// Reset empties the result and keeps its memory.
func (r *Result) Reset() {
	r.Rows, r.Params, r.Events, r.Errors, r.arena = r.Rows[:0], r.Params[:0], r.Events[:0], r.Errors[:0], r.arena[:0]
}

// Grow makes room for so many bytes more, where it is known what rows will come to: growing step by step copies them several times.
func (r *Result) Grow(bytes int) { r.arena = slices.Grow(r.arena, bytes) }

// BucketRow is a row as it stands in one bucket.
type BucketRow struct {
	Bucket []byte // bucket name without version prefix: by_user["u1"]
	Table  string // output table
	ID     []byte // object id
	Data   []byte // flat JSON object, valid UTF-8 whatever the source's texts are: nobody looks again, however often it is sent
}

// ParameterRow is what one row gives a definition's parameter lookup.
type ParameterRow struct {
	Lookup []byte // opaque key, tells the definition's lookups apart
	Values []byte // opaque tuple
}

// EventRow is a row of an event's payload.
type EventRow struct {
	Event string
	Data  []byte
}

// RowError says why a query left a row out.
type RowError struct {
	Definition string
	Query      string
	Err        error
}

// mark is a state of a Result to go back to.
type mark struct{ rows, params, events int }

func (r *Result) mark() mark { return mark{len(r.Rows), len(r.Params), len(r.Events)} }

func (r *Result) rollback(m mark) {
	r.Rows, r.Params, r.Events = r.Rows[:m.rows], r.Params[:m.params], r.Events[:m.events]
}

// since returns the arena's bytes from offset on. Growing the arena moves it, but bytes handed out stay where they are.
func (r *Result) since(offset int) []byte { return r.arena[offset:len(r.arena):len(r.arena)] }
