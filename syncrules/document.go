package syncrules

import (
	"fmt"
	"slices"
	"strings"
)

// document is the file's structure, checked: what is left to read is SQL.
type document struct {
	config  Config
	buckets []rawBucket
	streams []rawStream
	ctes    []rawCTE
	events  []rawEvent
}

type rawBucket struct {
	name       string
	node       *yamlNode
	parameters []*queryText
	data       []*queryText
	priority   *int
	dangerous  bool // accept_potentially_dangerous_queries
}

type rawStream struct {
	name      string
	node      *yamlNode
	queries   []*queryText
	ctes      []rawCTE
	autoSub   bool
	priority  *int
	dangerous bool
}

type rawCTE struct {
	name  string
	query *queryText
	key   *yamlNode
}

type rawEvent struct {
	name     string
	payloads []*queryText
}

// readDocument checks the structure and reports all its faults.
func readDocument(r *reporter) *document {
	root := parseYAML(r)
	if root == nil {
		return nil
	}
	d := &documentReader{reporter: r, out: &document{config: Config{Edition: 1}}}
	const need = "'bucket_definitions' or 'streams' is required"
	if root.kind != yamlMap {
		d.fault(root, need, "")
		return nil
	}
	keys := d.keys(root, "bucket_definitions", "streams", "with", "event_definitions", "config")
	if keys["bucket_definitions"] == nil && keys["streams"] == nil {
		d.fault(root, need, "")
	}
	d.config(keys["config"])
	d.bucketDefinitions(keys["bucket_definitions"])
	d.streams(keys["streams"])
	if with := keys["with"]; with != nil {
		if d.out.config.Edition < 3 {
			d.fault(with, "common table expressions need edition 3", "add config: {edition: 3}")
		}
		d.out.ctes = d.ctes(with)
	}
	d.events(keys["event_definitions"])
	return d.out
}

type documentReader struct {
	*reporter
	out        *document
	definition string
}

func (d *documentReader) fault(n *yamlNode, message, hint string) {
	d.add(Fatal, d.definition, n.start, n.end, message, hint)
}

// keys returns the values of a mapping and reports unknown and repeated keys. No known keys: all are.
func (d *documentReader) keys(n *yamlNode, known ...string) map[string]*yamlNode {
	found := map[string]*yamlNode{}
	for _, e := range n.entries {
		switch {
		case found[e.key.text] != nil:
			d.fault(e.key, fmt.Sprintf("the key %q is there twice", e.key.text), "")
			continue
		case len(known) > 0 && !slices.Contains(known, e.key.text):
			d.fault(e.key, fmt.Sprintf("unknown key %q", e.key.text), "the keys here are "+strings.Join(known, ", "))
		}
		found[e.key.text] = e.value
	}
	return found
}

func (d *documentReader) expected(n *yamlNode, key, want string) {
	got := n.kind.String()
	if n.kind == yamlOther && n.what != "" {
		got = n.what
	}
	d.fault(n, fmt.Sprintf("%s has to be %s, not %s", key, want, got), "")
}

func (d *documentReader) bucketDefinitions(n *yamlNode) {
	if n == nil {
		return
	}
	if n.kind != yamlMap {
		d.expected(n, "bucket_definitions", "a mapping")
		return
	}
	if d.out.config.Edition >= 3 {
		d.fault(n, "edition 3 has no bucket_definitions", "write them as streams, or use edition 2")
	}
	d.keys(n)
	for _, e := range n.entries {
		d.definition = e.key.text
		d.bucketDefinition(e.key.text, e.value, e.key)
	}
	d.definition = ""
}

func (d *documentReader) bucketDefinition(name string, n, key *yamlNode) {
	if n.kind != yamlMap {
		d.fault(key, fmt.Sprintf("bucket definition %q has to be a mapping", name), "write its data: queries under it")
		return
	}
	keys := d.keys(n, "parameters", "data", "priority", "accept_potentially_dangerous_queries")
	raw := rawBucket{name: name, node: key, priority: d.priority(keys["priority"])}
	raw.dangerous = d.bool(keys["accept_potentially_dangerous_queries"], "accept_potentially_dangerous_queries")
	if p := keys["parameters"]; p != nil {
		if p.kind == yamlList {
			raw.parameters = d.queries(p, "parameters")
		} else {
			raw.parameters = d.query(p, "parameters", nil)
		}
	}
	switch data := keys["data"]; {
	case data == nil:
		d.fault(key, fmt.Sprintf("bucket definition %q needs data: a list of queries", name), "")
	case data.kind != yamlList:
		d.expected(data, "data", "a list of queries")
	default:
		raw.data = d.queries(data, "data")
	}
	d.out.buckets = append(d.out.buckets, raw)
}

func (d *documentReader) streams(n *yamlNode) {
	if n == nil {
		return
	}
	if n.kind != yamlMap {
		d.expected(n, "streams", "a mapping")
		return
	}
	if d.out.config.Edition < 2 {
		d.fault(n, "streams need edition 2 or later", "add config: {edition: 3}")
	}
	d.keys(n)
	for _, e := range n.entries {
		d.definition = e.key.text
		d.stream(e.key.text, e.value, e.key)
	}
	d.definition = ""
}

func (d *documentReader) stream(name string, n, key *yamlNode) {
	if n.kind != yamlMap {
		d.fault(key, fmt.Sprintf("stream %q has to be a mapping", name), "write its query: under it")
		return
	}
	known := []string{"query", "queries", "auto_subscribe", "priority", "with", "accept_potentially_dangerous_queries"}
	keys := d.keys(n, known...)
	raw := rawStream{name: name, node: key, priority: d.priority(keys["priority"])}
	raw.autoSub = d.bool(keys["auto_subscribe"], "auto_subscribe")
	raw.dangerous = d.bool(keys["accept_potentially_dangerous_queries"], "accept_potentially_dangerous_queries")
	if with := keys["with"]; with != nil {
		if d.out.config.Edition < 3 {
			d.fault(with, "common table expressions need edition 3", "")
		}
		raw.ctes = d.ctes(with)
	}
	one, many := keys["query"], keys["queries"]
	if (one == nil) == (many == nil) {
		d.fault(key, fmt.Sprintf("stream %q needs query or queries, one of the two", name), "")
	}
	if one != nil {
		raw.queries = d.query(one, "query", nil)
	}
	switch {
	case many == nil:
	case d.out.config.Edition < 3:
		d.fault(many, "queries needs edition 3", "write one query")
	case many.kind != yamlList:
		d.expected(many, "queries", "a list of queries")
	default:
		raw.queries = append(raw.queries, d.queries(many, "queries")...)
	}
	d.out.streams = append(d.out.streams, raw)
}

func (d *documentReader) ctes(n *yamlNode) []rawCTE {
	if n.kind != yamlMap {
		d.expected(n, "with", "a mapping of names to SELECTs")
		return nil
	}
	d.keys(n)
	var ctes []rawCTE
	for _, e := range n.entries {
		if q := d.query(e.value, "with."+e.key.text, nil); len(q) > 0 {
			ctes = append(ctes, rawCTE{e.key.text, q[0], e.key})
		}
	}
	return ctes
}

func (d *documentReader) events(n *yamlNode) {
	if n == nil {
		return
	}
	if n.kind != yamlMap {
		d.expected(n, "event_definitions", "a mapping")
		return
	}
	d.keys(n)
	for _, e := range n.entries {
		d.definition = e.key.text
		if e.value.kind != yamlMap {
			d.fault(e.key, fmt.Sprintf("event %q has to be a mapping", e.key.text), "")
			continue
		}
		payloads := d.keys(e.value, "payloads")["payloads"]
		switch {
		case payloads == nil:
			d.fault(e.key, fmt.Sprintf("event %q needs payloads: a list of queries", e.key.text), "")
		case payloads.kind != yamlList:
			d.expected(payloads, "payloads", "a list of queries")
		default:
			d.out.events = append(d.out.events, rawEvent{e.key.text, d.queries(payloads, "payloads")})
		}
	}
	d.definition = ""
}

func (d *documentReader) queries(n *yamlNode, key string) []*queryText {
	var all []*queryText
	for i, item := range n.list {
		all = d.query(item, fmt.Sprintf("%s[%d]", key, i), all)
	}
	return all
}

func (d *documentReader) query(n *yamlNode, key string, all []*queryText) []*queryText {
	if n.kind != yamlString {
		d.expected(n, key, "an SQL text")
		return all
	}
	return append(all, &queryText{label: key, text: n.text, offsets: n.offsets})
}

func (d *documentReader) priority(n *yamlNode) *int {
	if n == nil {
		return nil
	}
	if n.kind != yamlInt || n.number < 0 || n.number > 3 {
		d.fault(n, "a priority is a whole number from 0 to 3", "0 is synced first")
		return nil
	}
	return &n.number
}

func (d *documentReader) bool(n *yamlNode, key string) bool {
	if n == nil {
		return false
	}
	if n.kind != yamlBool {
		d.expected(n, key, "true or false")
	}
	return n.truth
}
