package syncrules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/weirsync/weir/syncrules/value"
)

// compiled is a plan whose expressions are ready to run.
type compiled struct {
	row      *layout // of rows, whatever their table
	rows     []*compiledRow
	request  *layout
	requests []*compiledRequest
}

type compiledRow struct {
	*rowQuery
	columns  []*scalar // nil for *
	variants []*compiledVariant
	unique   bool // emits every bucket or lookup once by its shape
}

type compiledVariant struct {
	*rowVariant
	filters  []*scalar // evaluated once
	inner    []*scalar // evaluated for every combination of elements
	expand   []*compiledEach
	keys     [][]*scalar
	outputs  []*scalar
	fallible bool // evaluating it can fail, so that it is evaluated even if the row is out already
}

// compiledEach multiplies by the elements of input, which go to the slots key and value.
type compiledEach struct {
	*source
	input      *scalar
	key, value int
	conditions []*scalar
}

type compiledRequest struct {
	*requestQuery
	conditions []*scalar
	each       []*compiledEach
	computed   []*scalar
}

// variable is a slot of a layout.
type variable struct {
	name string // in programs
	expr *expression
}

// layout gives the variables of a definition's rows or requests their slots. The same column has one slot in all queries, and
// the same expression one program: nothing is evaluated twice for a row.
type layout struct {
	variables []variable
	slots     map[string]int
	names     map[string]bool
	scalars   map[string]*scalar
	programs  int
}

func newLayout() *layout {
	return &layout{slots: map[string]int{}, names: map[string]bool{}, scalars: map[string]*scalar{}}
}

type scalarKind uint8

const (
	scalarConstant scalarKind = iota
	scalarVariable
	scalarIsNull  // variable IS NULL
	scalarNotNull // variable IS NOT NULL
	scalarEqual   // variable = constant
	scalarNot     // NOT variable
	scalarProgram
)

// scalar is an expression ready to run. The simplest shapes need no program.
type scalar struct {
	kind    scalarKind
	slot    int         // of the variable
	value   value.Value // the constant
	program *vm.Program
	memo    int   // number of the program; -1: its elements change within a row
	reads   []int // slots that the program reads
	text    string
}

// slot finds or makes the slot of a variable.
func (l *layout) slot(e *expression) int {
	id := e.identity()
	if at, ok := l.slots[id]; ok {
		return at
	}
	at := len(l.variables)
	name := variableName(e)
	for l.names[name] {
		name = fmt.Sprintf("%s_%d", name, at)
	}
	l.slots[id], l.names[name] = at, true
	l.variables = append(l.variables, variable{name, e})
	return at
}

func (e *expression) identity() string {
	switch e.op {
	case opColumn:
		return "column " + e.name
	case opFact:
		return "fact " + e.name + " " + e.from.table.String()
	case opElement:
		return fmt.Sprintf("element %d %s", e.from.id, e.name)
	}
	return "request " + e.name
}

// variableName makes a name that no function of programs has: all variables have a prefix.
func variableName(e *expression) string {
	prefix := map[exprOp]string{opColumn: "row_", opFact: "table_", opElement: "each_", opRequest: "request_"}[e.op]
	return prefix + strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, e.name)
}

// scalar compiles e, once.
func (l *layout) scalar(e *expression) (*scalar, error) {
	if s := l.simple(e); s != nil {
		return s, nil
	}
	var reads []int
	dynamic := false
	text := e.text(func(v *expression) string {
		at := l.slot(v)
		if !slices.Contains(reads, at) {
			reads = append(reads, at)
		}
		dynamic = dynamic || v.op == opElement
		return l.variables[at].name
	})
	if s := l.scalars[text]; s != nil {
		return s, nil
	}
	program, err := expr.Compile(text, programOptions(e)...)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", text, err)
	}
	s := &scalar{kind: scalarProgram, program: program, memo: -1, reads: reads, text: text}
	if !dynamic {
		s.memo = l.programs
		l.programs++
	}
	l.scalars[text] = s
	return s, nil
}

// simple compiles the shapes that need no program.
func (l *layout) simple(e *expression) *scalar {
	switch e.op {
	case opConstant:
		return &scalar{kind: scalarConstant, value: e.value}
	case opCall:
		return l.simpleCall(e)
	case opCase:
		return nil
	}
	at := l.slot(e)
	return &scalar{kind: scalarVariable, slot: at}
}

func (l *layout) simpleCall(e *expression) *scalar {
	isVariable := func(x *expression) bool { return x.op != opCall && x.op != opCase && x.op != opConstant }
	switch {
	case e.fn == value.Operators["is_null"] && isVariable(e.args[0]):
		return &scalar{kind: scalarIsNull, slot: l.slot(e.args[0])}
	case e.fn == value.Operators["not_null"] && isVariable(e.args[0]):
		return &scalar{kind: scalarNotNull, slot: l.slot(e.args[0])}
	case e.fn == value.Operators["negate"] && isVariable(e.args[0]):
		return &scalar{kind: scalarNot, slot: l.slot(e.args[0])}
	case e.fn != value.Operators["eq"]:
		return nil
	}
	for i, x := range e.args {
		if c := e.args[1-i]; isVariable(x) && c.isConstant() && !c.value.IsNull() && c.value.Kind() != value.Blob {
			return &scalar{kind: scalarEqual, slot: l.slot(x), value: c.value}
		}
	}
	return nil
}

// describe shows s in terms of its program.
func (l *layout) describe(s *scalar) string {
	switch s.kind {
	case scalarConstant:
		var b strings.Builder
		writeConstant(&b, s.value)
		return b.String()
	case scalarVariable:
		return l.variables[s.slot].name
	case scalarIsNull:
		return "is_null(" + l.variables[s.slot].name + ")"
	case scalarNotNull:
		return "not_null(" + l.variables[s.slot].name + ")"
	case scalarNot:
		return "negate(" + l.variables[s.slot].name + ")"
	case scalarEqual:
		var b strings.Builder
		writeConstant(&b, s.value)
		return "eq(" + l.variables[s.slot].name + ", " + b.String() + ")"
	}
	return s.text
}

// programOptions declare the functions of package value that a program calls. Declaring them all would cost more than
// compiling.
func programOptions(e *expression) []expr.Option {
	options := []expr.Option{
		expr.Env(map[string]any{}), expr.AllowUndefinedVariables(), expr.DisableAllBuiltins(), expr.MaxNodes(0),
		expr.Function("truth", truth), expr.Function("cast_blob", functions["cast_blob"]), expr.Function("cast_integer", functions["cast_integer"]),
	}
	declared := map[string]bool{}
	e.calls(func(fn *value.Function) {
		if !declared[fn.Name] {
			declared[fn.Name] = true
			options = append(options, expr.Function(fn.Name, functions[fn.Name]))
		}
	})
	return options
}

// calls visits the functions that e calls.
func (e *expression) calls(visit func(*value.Function)) {
	if e.op == opCall {
		visit(e.fn)
	}
	for _, a := range e.args {
		a.calls(visit)
	}
}

// functions are all functions of package value, as programs call them.
var functions = func() map[string]func(args ...any) (any, error) {
	all := map[string]func(args ...any) (any, error){}
	for _, table := range []map[string]*value.Function{value.Operators, value.Functions} {
		for name, fn := range table {
			all[name] = programFunction(fn)
		}
	}
	return all
}()

// truth is the condition of a CASE branch.
func truth(args ...any) (any, error) { return value.Truth(valueOf(args[0])), nil }

// programFunction adapts a function to programs, in which a value is a *value.Value or a literal.
func programFunction(fn *value.Function) func(args ...any) (any, error) {
	return func(args ...any) (any, error) {
		values := make([]value.Value, len(args))
		for i, a := range args {
			values[i] = valueOf(a)
		}
		v, err := fn.Call(values)
		if err != nil {
			return nil, err
		}
		switch {
		case v.IsNull():
			return &sharedNull, nil
		case v.Kind() == value.Integer && v.Int64() == 1:
			return &sharedTrue, nil
		case v.Kind() == value.Integer && v.Int64() == 0:
			return &sharedFalse, nil
		}
		return &v, nil
	}
}

// Results that need no memory of their own.
var (
	sharedNull  value.Value
	sharedTrue  = value.True
	sharedFalse = value.False
)

func valueOf(x any) value.Value {
	switch x := x.(type) {
	case *value.Value:
		return *x
	case string:
		return value.String(x)
	case int:
		return value.Int(int64(x))
	case float64:
		return value.Float(x)
	}
	return value.Value{}
}
