package syncrules

import (
	"fmt"

	"github.com/weirsync/weir/syncrules/value"
)

// Resolver holds what a request's parameters evaluate to once. Not safe for concurrent use.
type Resolver struct {
	instances []*instance
	streams   []ResolvedStream
}

// instance is a definition as one subscription, or the default one, has it.
type instance struct {
	definition *Definition
	reason     Reason
	priority   *int // that the subscription asks for
	stream     int  // in the resolution
	queries    []*preparedQuery
}

// preparedQuery is a request query up to its lookups.
type preparedQuery struct {
	*compiledRequest
	tuples []tuple
}

// tuple is what a request query works on: the computed values, and the outputs of each lookup so far.
type tuple struct {
	computed []value.Value
	outputs  [][]value.Value
}

func (t tuple) value(s slot) value.Value {
	if s.lookup < 0 {
		return t.computed[s.at]
	}
	return t.outputs[s.lookup][s.at]
}

// maxTuples bounds what arrays in a request, and lookups, can multiply to.
const maxTuples = 100_000

var errTooMany = fmt.Errorf("the parameters have more than %d combinations", maxTuples)

// NewResolver evaluates everything of req that needs no lookup. An error means that the whole request fails.
func (p *Program) NewResolver(req *Request) (*Resolver, error) {
	values, err := newRequestValues(req)
	if err != nil {
		return nil, err
	}
	r := &Resolver{}
	for _, d := range p.definitions {
		if err := r.subscribe(d, req, values); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// subscribe adds the instances of a definition: the default one, and one for each subscription.
func (r *Resolver) subscribe(d *Definition, req *Request, values requestValues) error {
	if d.Kind == Event {
		return nil
	}
	stream := len(r.streams)
	entry := ResolvedStream{Name: d.Name}
	if d.AutoSub && !req.ExcludeDefaults {
		entry.IsDefault = true
		values.subscription, _ = parseObject(nil)
		if err := r.prepare(&instance{definition: d, reason: Reason{Default: true, Stream: stream}, stream: stream}, values, &entry, -1); err != nil {
			return err
		}
	}
	subscribed := entry.IsDefault
	for i, s := range req.Subscriptions {
		if d.Kind != Stream || s.Stream != d.Name {
			continue
		}
		subscribed = true
		parameters, err := parseObject(s.Parameters)
		if err != nil {
			entry.Errors = append(entry.Errors, StreamError{Subscription: i, Message: "read subscription parameters: " + err.Error()})
			continue
		}
		values.subscription = parameters
		in := &instance{definition: d, reason: Reason{Subscription: i}, priority: s.OverridePriority, stream: stream}
		if err := r.prepare(in, values, &entry, i); err != nil {
			return err
		}
	}
	if subscribed {
		r.streams = append(r.streams, entry)
	}
	return nil
}

// prepare evaluates an instance. An error of a stream is that stream's; one of a bucket definition fails the request.
func (r *Resolver) prepare(in *instance, values requestValues, entry *ResolvedStream, subscription int) error {
	layout := in.definition.compiled.request
	f := newFrame(layout, nil)
	f.turn = 1
	for slot, v := range layout.variables {
		if v.expr.op == opRequest {
			f.values[slot] = values.part(v.expr.name)
		}
	}
	for _, q := range in.definition.compiled.requests {
		prepared := &preparedQuery{compiledRequest: q}
		if err := f.prepare(prepared); err != nil {
			if in.definition.Kind == BucketDefinition {
				return fmt.Errorf("evaluate parameters of %s: %w", in.definition.Name, err)
			}
			entry.Errors = append(entry.Errors, StreamError{subscription, "evaluate bucket parameters: " + err.Error()})
			return nil
		}
		in.queries = append(in.queries, prepared)
	}
	r.instances = append(r.instances, in)
	return nil
}

func (f *frame) prepare(q *preparedQuery) error {
	ok, err := f.all(q.conditions)
	if err != nil || !ok {
		return err
	}
	return f.multiply(q, 0)
}

// multiply runs through the combinations of elements, and computes a tuple for each.
func (f *frame) multiply(q *preparedQuery, step int) error {
	if step == len(q.each) {
		t := tuple{computed: make([]value.Value, len(q.computed))}
		for i, s := range q.computed {
			v, err := f.eval(s)
			if err != nil {
				return err
			}
			t.computed[i] = v.Clone()
		}
		if q.tuples = append(q.tuples, t); len(q.tuples) > maxTuples {
			return errTooMany
		}
		return nil
	}
	s := q.each[step]
	input, err := f.eval(s.input)
	if err != nil {
		return err
	}
	items, err := s.mode.elements(input)
	if err != nil {
		return err
	}
	for _, item := range items {
		f.set(s, item)
		ok, err := f.all(s.conditions)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := f.multiply(q, step+1); err != nil {
			return err
		}
	}
	return nil
}
