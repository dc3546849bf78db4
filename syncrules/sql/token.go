package sql

// Span is a place in the SQL text, in bytes: [Start, End).
type Span struct{ Start, End int }

// Pos makes every node that embeds a Span a Node.
func (s Span) Pos() Span { return s }

// Error is a fault of the text.
type Error struct {
	Span
	Message string
	Hint    string // what to write instead, may be empty
}

func (e *Error) Error() string { return e.Message }

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // unquoted identifier or keyword
	tokenQuoted           // "identifier"
	tokenString           // 'text' or E'text'
	tokenInt
	tokenDecimal
	tokenOp // operators and punctuation
)

type token struct {
	Span
	kind tokenKind
	text string // folded word, unescaped identifier or string, digits, operator
	raw  string // as written
}

// reserved words cannot be names unless they are quoted.
var reserved = set(
	"all", "and", "any", "array", "as", "asc", "between", "both", "case", "cast", "check", "collate", "column", "constraint",
	"create", "cross", "current_date", "current_time", "current_timestamp", "current_user", "default", "desc", "distinct", "do",
	"else", "end", "except", "exists", "false", "fetch", "for", "foreign", "from", "full", "grant", "group", "having", "ilike",
	"in", "inner", "intersect", "into", "is", "isnull", "join", "lateral", "leading", "left", "like", "limit", "localtime",
	"localtimestamp", "natural", "not", "notnull", "null", "offset", "on", "only", "or", "order", "outer", "primary",
	"references", "right", "select", "similar", "some", "table", "then", "to", "trailing", "true", "union", "unique", "user",
	"using", "variadic", "when", "where", "window", "with",
)

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}
