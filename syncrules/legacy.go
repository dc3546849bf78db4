package syncrules

import (
	"fmt"

	"github.com/weirsync/weir/syncrules/sql"
)

// bucketCompiler compiles one bucket definition: parameter queries decide which buckets a request gets, data queries which
// rows are in them.
type bucketCompiler struct {
	*compiler
	raw     rawBucket
	plan    *plan
	params  []string // bucket parameters, in the order of the first parameter query
	defined bool     // params is known: a data query can be checked against it
}

func (c *compiler) bucket(raw rawBucket) *Definition {
	b := &bucketCompiler{compiler: c, raw: raw, plan: &plan{}, defined: true}
	d := &Definition{Name: raw.name, Kind: BucketDefinition, Priority: priorityDefault, AutoSub: true, plan: b.plan, options: c.config}
	if raw.priority != nil {
		d.Priority = *raw.priority
	}
	for i, q := range raw.parameters {
		b.parameterQuery(i, q)
	}
	if len(raw.parameters) == 0 {
		b.plan.requests = append(b.plan.requests, &requestQuery{label: "parameters", prefix: raw.name, keepNull: true})
	}
	for _, q := range raw.data {
		b.dataQuery(q)
	}
	return d
}

const priorityDefault = 3

func (b *bucketCompiler) reporterOf(q *queryText) *queryReporter {
	return &queryReporter{reporter: b.reporter, query: q, definition: b.raw.name}
}

func (b *bucketCompiler) dialect() dialect {
	return dialect{fixed: b.config.FixedJSONExtract}
}

// legacyScope resolves names in queries of bucket definitions, which have at most one table.
type legacyScope struct {
	*queryReporter
	table    *source // nil: none
	alias    string  // the only name that qualifies columns
	schema   *tableSchema
	request  bool // the request's values can be used
	elements *source
}

// folded warns about a name that lost its upper case, which then matches nothing.
func (s *legacyScope) folded(id *sql.Ident) {
	if id.Folded() {
		s.warn(id, "names without quotes are converted to lower case", fmt.Sprintf("write %q in double quotes to keep its case", id.Text))
	}
}

func (s *legacyScope) column(ref *sql.Ref) *expression {
	if ref.Table != nil && s.request {
		switch ref.Table.Name {
		case "token_parameters":
			return tokenParameter(ref.Name.Name)
		case "user_parameters":
			return parameterOf(requestConnection, ref.Name.Name)
		}
	}
	from := s.table
	if s.elements != nil {
		from = s.elements
	}
	if from == nil || ref.Table != nil && ref.Table.Name != s.alias {
		s.fault(ref, fmt.Sprintf("there is nothing called %s here", s.source(ref)), s.hint(ref))
		return broken()
	}
	s.folded(&ref.Name)
	name := ref.Name.Name
	switch {
	case s.elements != nil && (name == "key" || name == "value"):
		return &expression{op: opElement, name: name, from: from}
	case s.elements != nil:
		return broken()
	case name == "_table_suffix" && s.table.table.Wildcard:
		return &expression{op: opFact, name: factSuffix, from: from}
	}
	s.schema.check(s.queryReporter, ref, name)
	return &expression{op: opColumn, name: name, from: from}
}

func (s *legacyScope) hint(ref *sql.Ref) string {
	switch {
	case ref.Table != nil && ref.Table.Name == "bucket":
		return "bucket parameters stand only in data queries, as column = bucket.name"
	case ref.Table != nil && s.table != nil:
		return "columns of this table are qualified with " + s.alias
	}
	return ""
}

func (s *legacyScope) call(call *sql.Call) *expression {
	if call.Schema == nil || call.Schema.Name != "request" {
		return nil
	}
	if !s.request {
		s.fault(call, "what the client asks with is not available in data queries", "select it in the parameters query, and compare with bucket.name here")
		return broken()
	}
	part := map[string]string{"user_id": requestUser, "jwt": requestClaims, "parameters": requestConnection}[call.Name.Name]
	if part == "" {
		return nil
	}
	if len(call.Args) > 0 {
		s.fault(call, "request."+call.Name.Name+"() takes no arguments", "")
	}
	return &expression{op: opRequest, name: part}
}

// tokenParameter is token_parameters.x: the claim parameters.x, but for user_id, which is always the subject.
func tokenParameter(name string) *expression {
	if name == "user_id" {
		return &expression{op: opRequest, name: requestUser}
	}
	return parameterOf(requestToken, name)
}

func parameterOf(part, name string) *expression {
	return &expression{op: opRequest, name: part + memberSeparator + name}
}

// memberSeparator stands between a part of a request and a member of it.
const memberSeparator = "."

// table reads FROM.
func (b *bucketCompiler) table(q *queryReporter, item sql.From) (*source, *tableSchema) {
	pattern := b.pattern(q, item.Table)
	s := &source{id: b.nextSource(), table: pattern, alias: item.Table.Name.Name}
	if item.Alias != nil {
		s.alias = item.Alias.Name
	}
	return s, b.schemaOf(q, item.Table, pattern)
}
