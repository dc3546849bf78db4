package syncrules

import (
	"fmt"

	"github.com/weirsync/weir/syncrules/sql"
)

// streamScope resolves names in one SELECT of a stream. A subquery has a scope of its own: it does not see the outer one.
type streamScope struct {
	*queryReporter
	builder *builder
	entries []scopeEntry
}

// scopeEntry is an item of FROM: a table, a json_each, or a subquery, whose columns are what they select.
type scopeEntry struct {
	name    string
	source  *source                // table or json_each
	columns map[string]*expression // of a subquery
	schema  *tableSchema
}

func (s *streamScope) find(name string) *scopeEntry {
	for i := range s.entries {
		if s.entries[i].name == name {
			return &s.entries[i]
		}
	}
	return nil
}

// lookup finds what a column reference stands for, or says why it stands for nothing.
func (s *streamScope) lookup(ref *sql.Ref) (e *expression, entry *scopeEntry, fault, hint string) {
	switch {
	case ref.Table != nil:
		if entry = s.find(ref.Table.Name); entry == nil {
			return nil, nil, fmt.Sprintf("there is no table %s in FROM here", ref.Table.Text), s.qualifierHint(ref.Table.Name)
		}
	case len(s.entries) == 1:
		entry = &s.entries[0]
	case len(s.entries) == 0:
		return nil, nil, "there is no table here that could have a column " + ref.Name.Text, ""
	default:
		return nil, nil, fmt.Sprintf("column %s needs a qualifier, as there are several tables", ref.Name.Text), "write table." + ref.Name.Text
	}
	name := ref.Name.Name
	switch {
	case entry.columns != nil:
		if e = entry.columns[name]; e == nil {
			return nil, nil, fmt.Sprintf("%s has no column %s", entry.name, ref.Name.Text), ""
		}
	case entry.source.each != nil:
		if name != "key" && name != "value" {
			return nil, nil, "json_each has the columns key and value only", ""
		}
		e = &expression{op: opElement, name: name, from: entry.source}
	default:
		e = &expression{op: opColumn, name: name, from: entry.source}
	}
	return e, entry, "", ""
}

func (s *streamScope) qualifierHint(name string) string {
	switch name {
	case "token_parameters", "user_parameters", "request":
		return "streams use auth.user_id(), auth.parameter('x') and connection.parameter('x')"
	case "bucket":
		return "streams compare columns with auth.user_id() and other parameters directly"
	}
	return ""
}

func (s *streamScope) column(ref *sql.Ref) *expression {
	e, entry, fault, hint := s.lookup(ref)
	if fault != "" {
		s.fault(ref, fault, hint)
		return broken()
	}
	entry.schema.check(s.queryReporter, ref, ref.Name.Name)
	if !s.builder.streams && ref.Name.Folded() {
		s.warn(ref, "names without quotes are converted to lower case", fmt.Sprintf("write %q in double quotes to keep its case", ref.Name.Text))
	}
	return e
}

var requestSchemas = map[string]string{"auth": requestClaims, "connection": requestConnection, "subscription": requestSubscription}

func (s *streamScope) call(call *sql.Call) *expression {
	if call.Schema == nil {
		return nil
	}
	if part := requestSchemas[call.Schema.Name]; part != "" {
		return s.requestCall(call, part)
	}
	if call.Schema.Name == "request" {
		s.fault(call, "streams have no request.* functions", s.qualifierHint("request"))
		return broken()
	}
	if entry := s.find(call.Schema.Name); entry != nil && entry.source != nil && entry.source.each == nil && s.builder.streams {
		return s.factCall(call, entry)
	}
	return nil
}

func (s *streamScope) requestCall(call *sql.Call, part string) *expression {
	whole := &expression{op: opRequest, name: part}
	switch name := call.Name.Name; {
	case name == "user_id" && part == requestClaims:
		return s.noArguments(call, &expression{op: opRequest, name: requestUser})
	case name == "user_id":
		s.fault(call, "user_id() is part of auth only", "write auth.user_id()")
	case name == "parameters":
		return s.noArguments(call, whole)
	case name == "parameter" && len(call.Args) == 1:
		return s.builder.make(call, s.builder.version("arrow_text"), whole, s.builder.expr(call.Args[0]))
	case name == "parameter":
		s.fault(call, "parameter() takes one argument", "write "+call.Schema.Name+".parameter('name')")
	default:
		s.fault(call, fmt.Sprintf("there is no function %s.%s", call.Schema.Name, call.Name.Text), "there are "+call.Schema.Name+".parameter('x') and .parameters()")
	}
	return broken()
}

func (s *streamScope) noArguments(call *sql.Call, e *expression) *expression {
	if len(call.Args) > 0 {
		s.fault(call, call.Name.Text+"() takes no arguments", "")
	}
	return e
}

// factCall reads t.schema(), t.table_name() and t.table_suffix().
func (s *streamScope) factCall(call *sql.Call, entry *scopeEntry) *expression {
	switch name := call.Name.Name; {
	case name == factSuffix && !entry.source.table.Wildcard:
		s.fault(call, "table_suffix() needs a table name with a wildcard", `write FROM "name_%"`)
		return broken()
	case name == factSuffix, name == factTable, name == factSchema:
		return s.noArguments(call, &expression{op: opFact, name: name, from: entry.source})
	}
	return nil
}

// analyse says silently what an expression depends on, and whether it has subqueries.
func (s *streamScope) analyse(c *streamCompiler, e sql.Expr) (o origin, special bool) {
	sql.Walk(e, func(x sql.Expr) {
		switch x := x.(type) {
		case *sql.Ref:
			if found, _, fault, _ := s.lookup(x); fault == "" {
				o = o.and(found.origin())
			}
		case *sql.Call:
			if x.Schema == nil {
				return
			}
			if requestSchemas[x.Schema.Name] != "" {
				o = o.and(origin{request: true})
			} else if entry := s.find(x.Schema.Name); entry != nil && entry.source != nil && entry.source.each == nil {
				o = o.and((&expression{op: opFact, from: entry.source}).origin())
			}
		case *sql.In:
			special = special || c.isSubquery(x.R)
		case *sql.Binary:
			special = special || x.Op == "&&" && c.isSubquery(x.R)
		}
	})
	return o, special
}

// checkSides faults expressions that mix what can only be compared.
func (s *streamScope) unmixed(at sql.Node, e *expression) bool {
	if e.origin().mixed {
		s.mixed(at)
		return false
	}
	return true
}

func (s *streamScope) mixed(at sql.Node) {
	s.fault(at, "this uses values of several tables, or of a table and the request, other than by comparing them with = or IN",
		"each side of = may use one table, or the request")
}

// derived are the columns of a subquery in FROM.
func derived(q *queryReporter, columns []subColumn, names []sql.Ident) map[string]*expression {
	out := map[string]*expression{}
	for i, c := range columns {
		name := c.name
		if i < len(names) {
			name = names[i].Name
		}
		out[name] = c.expr
	}
	if len(names) > len(columns) {
		q.fault(&names[len(columns)], "there are more names than columns", "")
	}
	return out
}
