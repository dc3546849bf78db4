package sql

// Node is anything with a place in the text.
type Node interface{ Pos() Span }

// Ident is a name. Name is folded to lower case unless Quoted; Text is as written, without quotes.
type Ident struct {
	Span
	Name   string
	Text   string
	Quoted bool
}

// Folded says whether folding changed the name.
func (i *Ident) Folded() bool { return !i.Quoted && i.Name != i.Text }

// Select is a SELECT.
type Select struct {
	Span
	Distinct bool
	Columns  []Column
	From     []From
	Where    Expr // nil: none
}

// Column is an item of a select list.
type Column struct {
	Span
	Expr  Expr   // a Ref with Star for * and t.*
	Alias *Ident // nil: none
}

// From is an item of FROM: exactly one of Table, Call and Sub is set.
type From struct {
	Span
	Table *TableName
	Call  *Call
	Sub   *Select
	Alias *Ident  // nil: none
	Names []Ident // of (SELECT ..) AS a (x, y)
	On    Expr    // of a JOIN; nil: none
	Join  bool    // joined with JOIN, not with a comma
}

// TableName is a table, perhaps with a schema.
type TableName struct {
	Span
	Schema *Ident // nil: none
	Name   Ident
}

// Expr is an expression.
type Expr interface{ Node }

// LiteralKind tells the kinds of Literal apart.
type LiteralKind uint8

// Kinds of literals.
const (
	Null LiteralKind = iota
	Bool
	Int
	Decimal
	String
)

// Literal is a constant. Text is digits (with sign) for numbers, "true" or "false" for Bool.
type Literal struct {
	Span
	Kind LiteralKind
	Text string
}

// Ref is a column or parameter: [table.]name, or * with an optional table.
type Ref struct {
	Span
	Table *Ident // nil: none
	Name  Ident
	Star  bool
}

// Unary is + - NOT before an expression. Op is in upper case.
type Unary struct {
	Span
	Op string
	X  Expr
}

// Binary is an operator between two expressions. Op is in upper case, != for <>.
type Binary struct {
	Span
	Op   string
	At   Span // of the operator
	L, R Expr
}

// IsNull is x IS [NOT] NULL.
type IsNull struct {
	Span
	X   Expr
	Not bool
}

// IsBool is x IS [NOT] TRUE or FALSE.
type IsBool struct {
	Span
	X     Expr
	Not   bool
	Value bool
}

// In is x [NOT] IN y, where y may be a Subquery, a List, or any expression.
type In struct {
	Span
	X   Expr
	Not bool
	R   Expr
}

// Between is x [NOT] BETWEEN lo AND hi.
type Between struct {
	Span
	X, Lo, Hi Expr
	Not       bool
}

// When is a branch of a Case.
type When struct{ Cond, Then Expr }

// Case is CASE [operand] WHEN .. THEN .. [ELSE ..] END.
type Case struct {
	Span
	Operand Expr // nil: none
	Whens   []When
	Else    Expr // nil: none
}

// Cast is CAST(x AS type) and x::type.
type Cast struct {
	Span
	X    Expr
	Type string // lower case, as written otherwise
}

// Call is a function call. Args is empty and Star set for f(*).
type Call struct {
	Span
	Schema *Ident // nil: none
	Name   Ident
	Args   []Expr
	Star   bool
}

// Subquery is a SELECT in parentheses.
type Subquery struct {
	Span
	Select *Select
}

// List is ARRAY[..], ROW(..) or a bare (a, b). Kind is "ARRAY", "ROW" or "".
type List struct {
	Span
	Kind  string
	Items []Expr
}
