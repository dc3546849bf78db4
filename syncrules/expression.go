package syncrules

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/weirsync/weir/syncrules/value"
)

// expression is a checked expression. Everything but constants and what rows and requests give is a call of a function of
// package value; only CASE is not, because it evaluates only the branch taken.
type expression struct {
	op    exprOp
	value value.Value     // of a constant
	name  string          // of a column, table fact, request part or element part (key, value)
	from  *source         // of a column, table fact or element part
	fn    *value.Function // of a call
	args  []*expression   // of a call or case: cond, then, cond, then, .., else
}

type exprOp uint8

const (
	opConstant exprOp = iota
	opColumn          // of a table
	opFact            // of a table: its name, schema or matched suffix
	opRequest         // a part of the request
	opElement         // the key or value of a json_each
	opCall
	opCase
)

// Parts of a request.
const (
	requestUser         = "auth_user_id"
	requestClaims       = "auth_parameters"
	requestConnection   = "connection_parameters"
	requestSubscription = "subscription_parameters"
	requestToken        = "token_parameters" // legacy: claim "parameters"
)

// Facts of a table.
const (
	factSchema = "schema"
	factTable  = "table_name"
	factSuffix = "table_suffix"
)

// origin is what an expression's value depends on: nothing, the request, rows of one table, or (mixed) several of these.
type origin struct {
	request bool
	table   *source
	mixed   bool
}

func (o origin) constant() bool { return !o.request && o.table == nil }

func (o origin) and(p origin) origin {
	switch {
	case o.mixed || p.mixed || o.table != nil && p.table != nil && o.table != p.table:
		o.mixed = true
	case o.table == nil:
		o.table = p.table
	}
	o.request = o.request || p.request
	o.mixed = o.mixed || o.request && o.table != nil
	return o
}

func (e *expression) origin() origin {
	switch e.op {
	case opColumn, opFact:
		return origin{table: e.from}
	case opRequest:
		return origin{request: true}
	case opElement:
		// A json_each over constants has no row of its own to run with: the request does it.
		o := e.from.each.origin()
		o.request = o.request || o.table == nil
		return o
	}
	var o origin
	for _, a := range e.args {
		o = o.and(a.origin())
	}
	return o
}

// elements collects the json_each sources that e reads, the innermost first.
func (e *expression) elements(into []*source) []*source {
	if e.op == opElement {
		into = e.from.each.elements(into)
		if slices.Contains(into, e.from) {
			return into
		}
		return append(into, e.from)
	}
	for _, a := range e.args {
		into = a.elements(into)
	}
	return into
}

func (e *expression) isConstant() bool { return e.op == opConstant }

// fallible says whether evaluating e can fail.
func (e *expression) fallible() bool { return e.op == opCall || e.op == opCase }

func constant(v value.Value) *expression { return &expression{op: opConstant, value: v} }

func operator(name string, args ...*expression) *expression {
	return &expression{op: opCall, fn: value.Operators[name], args: args}
}

// text writes e as a program of package expr, with variables as name gives them.
func (e *expression) text(name func(*expression) string) string {
	var b strings.Builder
	e.write(&b, name)
	return b.String()
}

func (e *expression) write(b *strings.Builder, name func(*expression) string) {
	switch e.op {
	case opConstant:
		writeConstant(b, e.value)
	case opCall:
		b.WriteString(e.fn.Name)
		b.WriteByte('(')
		for i, a := range e.args {
			if i > 0 {
				b.WriteString(", ")
			}
			a.write(b, name)
		}
		b.WriteByte(')')
	case opCase:
		for i := 0; i+1 < len(e.args); i += 2 {
			b.WriteString("(truth(")
			e.args[i].write(b, name)
			b.WriteString(") ? ")
			e.args[i+1].write(b, name)
			b.WriteString(" : ")
		}
		e.args[len(e.args)-1].write(b, name)
		b.WriteString(strings.Repeat(")", len(e.args)/2))
	default:
		b.WriteString(name(e))
	}
}

func writeConstant(b *strings.Builder, v value.Value) {
	switch v.Kind() {
	case value.Null:
		b.WriteString("nil")
	case value.Text:
		b.WriteString(strconv.Quote(strings.ToValidUTF8(string(v.Bytes()), "\uFFFD")))
	case value.Blob:
		b.WriteString("cast_blob(" + strconv.Quote(string(v.Bytes())) + ")")
	case value.Integer:
		if v.Int64() == math.MinInt64 { // its digits alone are too large for a literal
			b.WriteString(`cast_integer("-9223372036854775808")`)
			return
		}
		b.Write(v.AppendJSON(nil))
	default:
		b.Write(v.AppendJSON(nil))
	}
}
