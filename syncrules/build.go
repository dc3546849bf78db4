package syncrules

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weirsync/weir/syncrules/sql"
	"github.com/weirsync/weir/syncrules/value"
)

// dialect is what differs between the forms of query.
type dialect struct {
	streams bool // edition 3: all of the expression language
	alpha   bool // edition 2 streams: that of bucket definitions, and &&
	fixed   bool // fixed_json_extract
	sqlite  bool // three-valued logic
}

// names resolves what a query's names stand for. A fault is reported by the resolver, which then returns a constant.
type names interface {
	column(ref *sql.Ref) *expression
	// call resolves a function that package value does not have; nil: there is none.
	call(call *sql.Call) *expression
}

// builder turns syntax into checked expressions.
type builder struct {
	*queryReporter
	dialect
	names   names
	inLists bool // IN and && may read JSON text here; elsewhere only ARRAY[..] and ROW(..)
}

// broken stands for an expression that a fault has been reported for.
func broken() *expression { return constant(value.Value{}) }

func (b *builder) all(list ...sql.Expr) []*expression {
	out := make([]*expression, len(list))
	for i, e := range list {
		out[i] = b.expr(e)
	}
	return out
}

func (b *builder) expr(e sql.Expr) *expression {
	switch e := e.(type) {
	case *sql.Literal:
		return constant(b.literal(e))
	case *sql.Ref:
		if e.Star {
			b.fault(e, "* is not allowed here", "")
			return broken()
		}
		return b.names.column(e)
	case *sql.Unary:
		return b.unary(e)
	case *sql.Binary:
		return b.binary(e)
	case *sql.IsNull:
		name := "is_null"
		if e.Not {
			name = "not_null"
		}
		return b.make(e, name, b.expr(e.X))
	case *sql.IsBool:
		return b.isBool(e)
	case *sql.In:
		return b.in(e)
	case *sql.Between:
		return b.between(e)
	case *sql.Case:
		return b.caseOf(e)
	case *sql.Cast:
		return b.cast(e)
	case *sql.Call:
		return b.call(e)
	case *sql.List:
		return b.list(e)
	case *sql.Subquery:
		b.fault(e, "a subquery is not allowed here", "in the WHERE of a stream: x IN (SELECT ..)")
	}
	return broken()
}

// literal reads constants. Before edition 3 rules read integers as doubles, which is wrong past 2^53 but what they always did.
func (b *builder) literal(l *sql.Literal) value.Value {
	switch l.Kind {
	case sql.Bool:
		return value.Bool(l.Text == "true")
	case sql.String:
		return value.String(l.Text)
	case sql.Int, sql.Decimal:
		f, _ := strconv.ParseFloat(l.Text, 64)
		if l.Kind == sql.Decimal {
			return value.Float(f)
		}
		if n, err := strconv.ParseInt(l.Text, 10, 64); err == nil && (b.streams || n == int64(f)) {
			return value.Int(n)
		}
		if f >= -(1<<63) && f < 1<<63 {
			return value.Int(int64(f))
		}
		return value.Float(f)
	}
	return value.Value{}
}

// make makes a call. Before edition 3 a call of constants is evaluated here and now, and fails here.
func (b *builder) make(at sql.Node, name string, args ...*expression) *expression {
	fn := value.Operators[name]
	if fn == nil {
		fn = value.Functions[name]
	}
	e := &expression{op: opCall, fn: fn, args: args}
	if b.streams || b.faults > 0 || !e.origin().constant() {
		return e
	}
	values := make([]value.Value, len(args))
	for i, a := range args {
		if !a.isConstant() {
			return e
		}
		values[i] = a.value
	}
	v, err := fn.Call(values)
	if err != nil {
		b.fault(at, "this can never be evaluated: "+err.Error(), "")
		return broken()
	}
	return constant(v)
}

func (b *builder) unary(e *sql.Unary) *expression {
	switch {
	case e.Op == "NOT":
		b.noticeNot(e)
		return b.make(e, b.logic("negate"), b.expr(e.X))
	case e.Op == "+" && b.streams:
		return b.make(e, "plus", b.expr(e.X))
	}
	b.fault(e, "unary "+e.Op+" works on numbers only", "write 0 "+e.Op+" "+b.source(e.X))
	return broken()
}

func (b *builder) logic(name string) string {
	if b.sqlite {
		return name + "3"
	}
	return name
}

var binaryOperators = map[string]string{
	"=": "eq", "<": "lt", ">": "gt", "<=": "le", ">=": "ge", "!=": "ne", "+": "add", "-": "sub", "*": "mul", "/": "div", "||": "concat",
	"%": "mod", "&": "bit_and", "|": "bit_or", "<<": "shift_left", ">>": "shift_right", "&&": "overlap",
}

func (b *builder) binary(e *sql.Binary) *expression {
	switch e.Op {
	case "AND":
		return b.make(e, b.logic("both"), b.all(e.L, e.R)...)
	case "OR":
		return b.make(e, b.logic("either"), b.all(e.L, e.R)...)
	case "->", "->>":
		return b.arrow(e)
	case "!=":
		if b.streams {
			b.noticeNotEqual(e)
			return b.make(e, b.logic("negate"), b.make(e, "eq", b.all(e.L, e.R)...))
		}
	case "&&":
		if !b.streams && !b.alpha {
			b.fault(e, "operator && is not supported here", "")
			return broken()
		}
		b.checkList(e, e.R)
	case "%", "&", "|", "<<", ">>":
		if !b.streams {
			b.fault(e, "operator "+e.Op+" is not supported", "")
			return broken()
		}
		b.notice(e, "operator "+e.Op+" is not supported: every row that needs it is left out", "")
	}
	name := binaryOperators[e.Op]
	if name == "" {
		b.fault(e, "operator "+e.Op+" is not supported", "")
		return broken()
	}
	return b.make(e, name, b.all(e.L, e.R)...)
}

func (b *builder) arrow(e *sql.Binary) *expression {
	l, r := b.expr(e.L), b.expr(e.R)
	if r.isConstant() && r.value.Kind() == value.Integer {
		if !b.streams {
			b.fault(e.R, "-> and ->> take a text here", "write '"+b.source(e.R)+"'")
		} else if r.value.Int64() < 0 {
			return b.make(e, "arrow", l, constant(value.Value{}))
		}
	}
	name := "arrow"
	if e.Op == "->>" {
		name = "arrow_text"
	}
	return b.make(e, b.version(name), l, r)
}

// version is the form of a JSON function that fixed_json_extract chooses.
func (b *builder) version(name string) string {
	if b.fixed {
		return name
	}
	return name + "_1"
}

func (b *builder) isBool(e *sql.IsBool) *expression {
	if !b.streams {
		b.fault(e, "IS TRUE and IS FALSE are not supported here", "write x = true")
		return broken()
	}
	is := b.make(e, "is", b.expr(e.X), constant(value.Bool(e.Value)))
	if e.Not {
		return b.make(e, "negate", is)
	}
	return is
}

func (b *builder) in(e *sql.In) *expression {
	if e.Not && !b.streams {
		b.fault(e, "NOT IN is not supported here", "")
		return broken()
	}
	b.checkList(e, e.R)
	name := "in_array"
	if b.streams {
		name = "in_json"
	}
	in := b.make(e, name, b.all(e.X, e.R)...)
	if e.Not {
		b.noticeNotIn(e)
		return b.make(e, b.logic("negate"), in)
	}
	return in
}

// checkList checks the right side of IN and &&.
func (b *builder) checkList(e sql.Node, r sql.Expr) {
	if list, ok := r.(*sql.List); ok {
		if list.Kind == "" {
			b.fault(list, "a list in parentheses is not supported", "write '[1, 2]' or, in streams, ARRAY[1, 2]")
		}
		return
	}
	if b.streams && !b.inLists {
		b.fault(e, "IN and && read JSON text only in WHERE", "write ARRAY[..] for a constant list")
	}
}

func (b *builder) list(e *sql.List) *expression {
	if e.Kind == "" || !b.streams {
		if e.Kind != "" {
			b.fault(e, e.Kind+" is not supported here", "write '[1, 2]'")
		}
		return broken()
	}
	return b.make(e, "list", b.all(e.Items...)...)
}

func (b *builder) between(e *sql.Between) *expression {
	if !b.streams {
		b.fault(e, "BETWEEN is not supported here", "write x >= lo AND x <= hi")
		return broken()
	}
	name := "between"
	if e.Not {
		name = "not_between"
	}
	return b.make(e, name, b.all(e.X, e.Lo, e.Hi)...)
}

func (b *builder) caseOf(e *sql.Case) *expression {
	if !b.streams {
		b.fault(e, "CASE is not supported here", "use iif(condition, a, b)")
		return broken()
	}
	out := &expression{op: opCase}
	for _, w := range e.Whens {
		cond := b.expr(w.Cond)
		if e.Operand != nil {
			cond = b.make(w.Cond, "eq", b.expr(e.Operand), cond)
		}
		out.args = append(out.args, cond, b.expr(w.Then))
	}
	if e.Else == nil {
		out.args = append(out.args, constant(value.Value{}))
	} else {
		out.args = append(out.args, b.expr(e.Else))
	}
	return out
}

func (b *builder) cast(e *sql.Cast) *expression {
	x := b.expr(e.X)
	switch e.Type {
	case "text", "integer", "real", "numeric", "blob":
		return b.make(e, "cast_"+e.Type, x)
	}
	b.fault(e, fmt.Sprintf("CAST to %q is not supported", e.Type), "the types are text, integer, real, numeric and blob")
	return broken()
}

func (b *builder) call(e *sql.Call) *expression {
	if out := b.names.call(e); out != nil {
		return out
	}
	name := e.Name.Name
	if e.Name.Quoted {
		name = strings.ToLower(name)
	}
	fn := value.Functions[name]
	if e.Schema != nil || fn == nil || name == "json_valid" && b.streams {
		b.fault(e, fmt.Sprintf("there is no function %q", b.source(e)[:e.Name.End-e.Start]), b.functionHint(name))
		return broken()
	}
	if e.Star {
		b.fault(e, name+"(*) is not supported", "")
		return broken()
	}
	args := b.all(e.Args...)
	if b.streams {
		if len(args) < fn.Min || len(args) > fn.Max {
			b.fault(e, fmt.Sprintf("%s takes %s, not %d", name, countOf(fn), len(args)), "")
			return broken()
		}
	}
	for len(args) < fn.Min {
		args = append(args, constant(value.Value{}))
	}
	if name == "json_extract" || name == "json_array_length" {
		name = b.version(name)
	}
	return b.make(e, name, args[:min(len(args), fn.Max)]...)
}

func countOf(fn *value.Function) string {
	switch {
	case fn.Min != fn.Max:
		return fmt.Sprintf("%d to %d arguments", fn.Min, fn.Max)
	case fn.Min == 1:
		return "one argument"
	}
	return fmt.Sprintf("%d arguments", fn.Min)
}

func (b *builder) functionHint(name string) string {
	switch name {
	case "coalesce":
		return "use ifnull(a, b)"
	case "substr":
		return "use substring(text, start, length)"
	case "now":
		return "a row has to give the same result at any time"
	case "count", "sum", "min", "max", "avg":
		return "clients can aggregate in their local database"
	}
	return ""
}
