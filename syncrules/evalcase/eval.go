package evalcase

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/weirsync/weir/syncrules"
)

// Eval runs a case. An error means that the case itself cannot be read; faults of its rules are part of the result.
func Eval(input []byte) ([]byte, error) {
	c, err := parse(input)
	if err != nil {
		return nil, err
	}
	result, err := Run(c)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(result); err != nil {
		return nil, fmt.Errorf("write result: %w", err)
	}
	return out.Bytes(), nil
}

// Run runs a case.
func Run(c *Case) (*Result, error) {
	program, found := syncrules.Compile([]byte(c.Config), c.options())
	result := &Result{Valid: program != nil, Errors: diagnostics(found, c.Config)}
	if program == nil {
		return result, nil
	}
	r := &runner{c: c, program: program, result: result, stored: map[*syncrules.Definition]map[string][][]byte{}}
	r.describe()
	for _, row := range c.SourceRows {
		if err := r.row(row); err != nil {
			return nil, err
		}
	}
	for _, q := range c.Requests {
		result.Requests = append(result.Requests, r.request(q))
	}
	return result, nil
}

type runner struct {
	c       *Case
	program *syncrules.Program
	result  *Result
	stored  map[*syncrules.Definition]map[string][][]byte // parameter rows
	rows    []BucketRow                                   // of all source rows
}

func (r *runner) describe() {
	r.result.Compatibility = compatibility(r.program.Config())
	seen := map[Pattern]bool{}
	for _, d := range r.program.Definitions() {
		if d.Kind != syncrules.Event {
			kind := "bucket_definition"
			if d.Kind == syncrules.Stream {
				kind = "stream"
			}
			r.result.Definitions = append(r.result.Definitions, Definition{d.Name, kind, d.AutoSub})
		}
		for _, t := range d.Tables() {
			p := Pattern{t.Connection, t.Schema, t.Name, t.Wildcard}
			if t.Wildcard {
				p.Pattern += "%"
			}
			if !seen[p] {
				seen[p] = true
				r.result.Tables = append(r.result.Tables, p)
			}
		}
	}
	slices.SortFunc(r.result.Tables, func(a, b Pattern) int {
		return cmp.Or(cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Pattern, b.Pattern))
	})
}

// bucketName adds the version of the rules if they have it in bucket names.
func (r *runner) bucketName(name string) string {
	if r.c.BucketVersion == nil || !r.program.Config().VersionedBucketIDs {
		return name
	}
	return fmt.Sprintf("%d#%s", *r.c.BucketVersion, name)
}

func (r *runner) row(source SourceRow) error {
	rel, row, err := source.relation()
	if err != nil {
		return err
	}
	out := RowResult{Schema: source.Schema, Table: source.Table, Buckets: []BucketRow{}, Parameters: []ParameterRow{}}
	for _, d := range r.program.Definitions() {
		table := d.Bind(rel)
		if table == nil {
			continue
		}
		var res syncrules.Result
		table.Eval(row, &res)
		for _, b := range res.Rows {
			out.Buckets = append(out.Buckets, BucketRow{r.bucketName(string(b.Bucket)), b.Table, string(b.ID), sorted(b.Data)})
		}
		for _, p := range res.Params {
			r.store(d, p)
			lookup, n := binary.Uvarint(p.Lookup)
			out.Parameters = append(out.Parameters, ParameterRow{d.Name, int(lookup), p.Lookup[n:], p.Values})
		}
		for _, e := range res.Events {
			out.Events = append(out.Events, EventRow{e.Event, sorted(e.Data)})
		}
		for _, e := range res.Errors {
			out.Errors = append(out.Errors, fmt.Sprintf("%s, %s: %v", e.Definition, e.Query, e.Err))
		}
	}
	r.rows = append(r.rows, out.Buckets...)
	slices.SortFunc(out.Buckets, compareRows)
	r.result.Rows = append(r.result.Rows, out)
	return nil
}

func compareRows(a, b BucketRow) int {
	return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Table, b.Table), cmp.Compare(a.ID, b.ID), bytes.Compare(a.Data, b.Data))
}

func (r *runner) store(d *syncrules.Definition, p syncrules.ParameterRow) {
	if r.stored[d] == nil {
		r.stored[d] = map[string][][]byte{}
	}
	r.stored[d][string(p.Lookup)] = append(r.stored[d][string(p.Lookup)], p.Values)
}

// sorted sorts the keys of a flat JSON object and keeps its numbers' text.
func sorted(data []byte) json.RawMessage {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return data
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(fields); err != nil {
		return data
	}
	return bytes.TrimSpace(out.Bytes())
}

func (r *runner) request(q Request) RequestResult {
	resolver, err := r.program.NewResolver(q.request())
	if err != nil {
		return thrown(err)
	}
	resolution, err := resolver.Resolve(func(d *syncrules.Definition, lookup []byte) ([][]byte, error) {
		return r.stored[d][string(lookup)], nil
	})
	if err != nil {
		return thrown(err)
	}
	out := RequestResult{Buckets: []Bucket{}, Errors: []RequestError{}, ParameterResults: resolution.ParameterResults}
	for _, s := range resolution.Streams {
		for _, e := range s.Errors {
			reported := RequestError{Definition: s.Name, Message: e.Message}
			if e.Subscription >= 0 {
				reported.Subscription = &e.Subscription
			}
			out.Errors = append(out.Errors, reported)
		}
	}
	for _, b := range resolution.Buckets {
		out.Buckets = append(out.Buckets, Bucket{r.bucketName(b.Name), b.Priority, b.Definition.Name, reasons(b.Reasons)})
	}
	slices.SortFunc(out.Buckets, func(a, b Bucket) int { return cmp.Compare(a.Bucket, b.Bucket) })
	out.Synced = r.synced(out.Buckets)
	return out
}

// thrown is the result of a request that fails as a whole.
func thrown(err error) RequestResult {
	return RequestResult{Thrown: err.Error(), Buckets: []Bucket{}, Errors: []RequestError{}, Synced: []SyncedRow{}}
}

func reasons(all []syncrules.Reason) []any {
	var out []any
	for _, reason := range all {
		if reason.Default {
			out = append(out, "default")
		} else {
			out = append(out, map[string]int{"subscription": reason.Subscription})
		}
	}
	return out
}

// synced joins the buckets with the rows: what the client ends up with, each row once, with its best priority.
func (r *runner) synced(buckets []Bucket) []SyncedRow {
	priority := map[string]int{}
	for _, b := range buckets {
		priority[b.Bucket] = b.Priority
	}
	type key struct{ table, id, data string }
	at := map[key]int{}
	out := []SyncedRow{}
	for _, row := range r.rows {
		p, ok := priority[row.Bucket]
		if !ok {
			continue
		}
		k := key{row.Table, row.ID, string(row.Data)}
		if i, known := at[k]; known {
			out[i].Priority = min(out[i].Priority, p)
			continue
		}
		at[k] = len(out)
		out = append(out, SyncedRow{row.Table, row.ID, row.Data, p})
	}
	slices.SortFunc(out, func(a, b SyncedRow) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.ID, b.ID), bytes.Compare(a.Data, b.Data))
	})
	return out
}
