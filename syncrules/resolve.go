package syncrules

import (
	"fmt"
	"slices"

	"github.com/weirsync/weir/syncrules/value"
)

// Resolve runs the lookups and returns the buckets of the request. It can be called again and again as data change.
func (r *Resolver) Resolve(lookup LookupFunc) (*Resolution, error) {
	run := &resolving{
		out: &Resolution{}, lookup: lookup,
		found: map[*Definition]map[string][][]value.Value{}, buckets: map[bucketID]int{},
	}
	for _, s := range r.streams {
		s.Errors = slices.Clone(s.Errors)
		run.out.Streams = append(run.out.Streams, s)
	}
	for _, in := range r.instances {
		if err := run.instance(in); err != nil {
			return nil, err
		}
	}
	return run.out, nil
}

type bucketID struct {
	definition *Definition
	name       string
}

// resolving is one call of Resolve.
type resolving struct {
	out     *Resolution
	lookup  LookupFunc
	found   map[*Definition]map[string][][]value.Value // what lookups gave, by key
	buckets map[bucketID]int                           // in out
}

func (r *resolving) instance(in *instance) error {
	for _, q := range in.queries {
		tuples := q.tuples
		for i, step := range q.lookups {
			var err error
			if tuples, err = r.step(in.definition, i, step, tuples); err != nil {
				return fmt.Errorf("look up parameters of %s: %w", in.definition.Name, err)
			}
			if len(tuples) > maxTuples {
				r.fail(in, errTooMany)
				return nil
			}
		}
		for _, t := range tuples {
			r.bucket(in, q, t)
		}
	}
	return nil
}

func (r *resolving) fail(in *instance, err error) {
	subscription := in.reason.Subscription
	if in.reason.Default {
		subscription = -1
	}
	s := &r.out.Streams[in.stream]
	s.Errors = append(s.Errors, StreamError{subscription, "evaluate bucket parameters: " + err.Error()})
}

// step multiplies tuples by the rows that a lookup finds for each.
func (r *resolving) step(d *Definition, number int, step lookupStep, tuples []tuple) ([]tuple, error) {
	var out []tuple
	keys := make([]value.Value, len(step.keys))
	for _, t := range tuples {
		matches := true
		for i, s := range step.keys {
			keys[i] = t.value(s)
			matches = matches && keys[i].Matchable()
		}
		if !matches {
			continue
		}
		rows, err := r.rows(d, appendLookup(nil, step.lookup, keys), step.outputs)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			outputs := append(slices.Clip(t.outputs[:min(number, len(t.outputs))]), row)
			out = append(out, tuple{t.computed, outputs})
		}
		if len(out) > maxTuples {
			return out, nil
		}
	}
	return out, nil
}

// rows returns what a lookup finds, each row once.
func (r *resolving) rows(d *Definition, key []byte, outputs int) ([][]value.Value, error) {
	if r.found[d] == nil {
		r.found[d] = map[string][][]value.Value{}
	}
	if rows, ok := r.found[d][string(key)]; ok {
		return rows, nil
	}
	stored, err := r.lookup(d, key)
	if err != nil {
		return nil, err
	}
	r.out.ParameterResults += len(stored)
	var rows [][]value.Value
	seen := map[string]bool{}
	for _, text := range stored {
		if seen[string(text)] {
			continue
		}
		seen[string(text)] = true
		row, err := decodeTuple(text, outputs)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	r.found[d][string(key)] = rows
	return rows, nil
}

// decodeTuple reads the values of a parameter row.
func decodeTuple(text []byte, outputs int) ([]value.Value, error) {
	items, err := value.ArrayElements(value.TextOf(slices.Clone(text)))
	if err != nil || len(items) != outputs {
		return nil, fmt.Errorf("stored parameter row is not a list of %d values", outputs)
	}
	row := make([]value.Value, len(items))
	for i, item := range items {
		row[i] = item.Value
	}
	return row, nil
}

// bucket adds the bucket of a tuple, or another reason to it.
func (r *resolving) bucket(in *instance, q *preparedQuery, t tuple) {
	name := append([]byte(q.prefix), '[')
	for i, s := range q.params {
		v := t.value(s)
		if !q.keepNull && !v.Matchable() {
			return
		}
		if i > 0 {
			name = append(name, ',')
		}
		name = v.AppendKey(name)
	}
	id := bucketID{in.definition, string(append(name, ']'))}
	priority := in.definition.Priority
	switch {
	case in.priority != nil:
		priority = *in.priority
	case q.priority != nil:
		priority = *q.priority
	}
	at, known := r.buckets[id]
	if !known {
		at = len(r.out.Buckets)
		r.buckets[id] = at
		r.out.Buckets = append(r.out.Buckets, ResolvedBucket{Definition: in.definition, Name: id.name, Priority: priority})
	}
	b := &r.out.Buckets[at]
	b.Priority = min(b.Priority, priority)
	if !slices.Contains(b.Reasons, in.reason) {
		b.Reasons = append(b.Reasons, in.reason)
	}
}
