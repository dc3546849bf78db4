package sql

import (
	"fmt"
	"strings"
)

// Bounds of a query.
const (
	MaxBytes = 64 << 10
	MaxDepth = 300
)

// Parse reads one SELECT. One trailing semicolon is allowed.
func Parse(text string) (*Select, *Error) {
	if len(text) > MaxBytes {
		return nil, &Error{Message: fmt.Sprintf("this query is too long (%d bytes, at most %d)", len(text), MaxBytes)}
	}
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	return parseTokens(tokens)
}

// parseTokens turns the parser's panics with *Error, its way to leave deep recursion, into errors.
func parseTokens(tokens []token) (sel *Select, err *Error) {
	defer func() {
		if r := recover(); r != nil {
			fault, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			sel, err = nil, fault
		}
	}()
	p := &parser{tokens: tokens}
	return p.statement(), nil
}

type parser struct {
	tokens []token
	at     int
	depth  int
}

func (p *parser) statement() *Select {
	if t := p.peek(); t.kind == tokenEnd {
		p.fail(t.Span, "a query is missing here", "write SELECT .. FROM ..")
	} else if !p.isWord("select") {
		p.failStatement(t)
	}
	sel := p.selectQuery()
	p.acceptOp(";")
	if t := p.peek(); t.kind != tokenEnd {
		if p.tokens[p.at-1].text == ";" {
			p.fail(t.Span, "only a single statement is supported", "put every SELECT in a query of its own")
		}
		p.failUnexpected(t)
	}
	return sel
}

func (p *parser) failStatement(t token) {
	switch t.text {
	case "with":
		p.fail(t.Span, "WITH is not supported", "streams take common table expressions under their with: key")
	case "insert", "update", "delete", "create", "drop", "alter", "truncate", "values":
		p.fail(t.Span, "only SELECT statements are supported", "")
	}
	p.fail(t.Span, fmt.Sprintf("expected SELECT here, not %s", t.raw), "")
}

func (p *parser) selectQuery() *Select {
	defer p.deeper()()
	sel := &Select{Span: p.expectWord("select").Span}
	switch {
	case p.acceptWord("distinct"):
		sel.Distinct = true
		if p.isWord("on") {
			p.fail(p.peek().Span, "DISTINCT ON is not supported", "")
		}
	case p.acceptWord("all"):
	}
	if !p.endsSelectList() {
		sel.Columns = p.columns()
	}
	if p.acceptWord("from") {
		sel.From = p.fromItems()
	}
	if p.acceptWord("where") {
		sel.Where = p.expr()
	}
	p.rejectClauses()
	sel.End = p.tokens[p.at-1].End
	return sel
}

func (p *parser) endsSelectList() bool {
	t := p.peek()
	return t.kind == tokenEnd || t.kind == tokenOp && (t.text == ")" || t.text == ";") || p.isWord("from") || p.isWord("where")
}

// rejectClauses names the clauses that no form of query has.
func (p *parser) rejectClauses() {
	t := p.peek()
	if t.kind != tokenWord {
		return
	}
	switch t.text {
	case "group", "order":
		p.fail(t.Span, strings.ToUpper(t.text)+" BY is not supported", "clients can do this in their local database")
	case "having", "limit", "offset", "fetch", "for", "window":
		p.fail(t.Span, strings.ToUpper(t.text)+" is not supported", "clients can do this in their local database")
	case "union", "intersect", "except":
		p.fail(t.Span, strings.ToUpper(t.text)+" is not supported", "write several queries instead: their rows are united")
	}
}

func (p *parser) columns() []Column {
	var cols []Column
	for {
		start := p.peek().Start
		c := Column{Expr: p.columnExpr()}
		if p.acceptWord("as") {
			c.Alias = p.name("a column name")
		} else if t := p.peek(); t.kind == tokenQuoted || t.kind == tokenWord && !reserved[t.text] {
			c.Alias = p.name("a column name")
		}
		c.Span = Span{start, p.tokens[p.at-1].End}
		cols = append(cols, c)
		if !p.acceptOp(",") {
			return cols
		}
	}
}

func (p *parser) columnExpr() Expr {
	if t := p.peek(); p.acceptOp("*") {
		return &Ref{Span: t.Span, Star: true}
	}
	return p.expr()
}

func (p *parser) fromItems() []From {
	items := []From{p.fromItem()}
	for {
		switch {
		case p.acceptOp(","):
			items = append(items, p.fromItem())
		case p.joins():
			item := p.fromItem()
			item.Join = true
			if p.acceptWord("on") {
				item.On = p.expr()
			} else if p.isWord("using") {
				p.fail(p.peek().Span, "USING is not supported", "write JOIN .. ON a.id = b.id")
			}
			items = append(items, item)
		default:
			return items
		}
	}
}

// joins reads [INNER] JOIN and names the joins that are not supported.
func (p *parser) joins() bool {
	t := p.peek()
	if t.kind != tokenWord {
		return false
	}
	switch t.text {
	case "left", "right", "full", "cross", "natural":
		p.fail(t.Span, strings.ToUpper(t.text)+" JOIN is not supported", "use [INNER] JOIN .. ON ..")
	case "inner":
		p.at++
		p.expectWord("join")
		return true
	}
	return p.acceptWord("join")
}

func (p *parser) fromItem() From {
	item := From{Span: p.peek().Span}
	switch {
	case p.acceptOp("("):
		if !p.isWord("select") {
			p.fail(p.peek().Span, "expected SELECT here", "only subqueries stand in parentheses in FROM")
		}
		item.Sub = p.selectQuery()
		p.expectOp(")")
	case p.isWord("lateral"):
		p.fail(p.peek().Span, "LATERAL is not supported", "")
	default:
		p.fromName(&item)
	}
	if p.acceptWord("as") {
		item.Alias = p.name("an alias")
	} else if t := p.peek(); t.kind == tokenQuoted || t.kind == tokenWord && !reserved[t.text] {
		item.Alias = p.name("an alias")
	}
	if item.Alias != nil && item.Table == nil && p.acceptOp("(") {
		for {
			item.Names = append(item.Names, *p.name("a column name"))
			if !p.acceptOp(",") {
				break
			}
		}
		p.expectOp(")")
	}
	item.End = p.tokens[p.at-1].End
	return item
}

// fromName reads [schema.]table or a table-valued function.
func (p *parser) fromName(item *From) {
	first := p.name("a table name")
	table := &TableName{Span: first.Span, Name: *first}
	if p.acceptOp(".") {
		table.Schema = first
		table.Name = *p.name("a table name")
		table.End = table.Name.End
		if t := p.peek(); p.acceptOp(".") {
			p.fail(t.Span, "a table takes at most one qualifier", `write schema.table, or "connection.schema"."table"`)
		}
	}
	if p.isOp("(") {
		item.Call = p.call(table.Schema, table.Name)
		return
	}
	item.Table = table
}

// name reads an identifier.
func (p *parser) name(what string) *Ident {
	t := p.peek()
	switch {
	case t.kind == tokenQuoted:
		p.at++
		return &Ident{Span: t.Span, Name: t.text, Text: t.text, Quoted: true}
	case t.kind == tokenWord && !reserved[t.text]:
		p.at++
		return &Ident{Span: t.Span, Name: t.text, Text: t.raw}
	case t.kind == tokenWord:
		p.fail(t.Span, fmt.Sprintf("expected %s here, but %s is a reserved word", what, strings.ToUpper(t.text)), fmt.Sprintf("quote it: %q", t.text))
	}
	p.fail(t.Span, fmt.Sprintf("expected %s here%s", what, but(t)), "")
	return nil
}

func but(t token) string {
	if t.kind == tokenEnd {
		return ", but the query ends"
	}
	return ", not " + t.raw
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) isWord(w string) bool {
	t := p.peek()
	return t.kind == tokenWord && t.text == w
}

func (p *parser) isOp(op string) bool {
	t := p.peek()
	return t.kind == tokenOp && t.text == op
}

func (p *parser) acceptWord(w string) bool {
	ok := p.isWord(w)
	if ok {
		p.at++
	}
	return ok
}

func (p *parser) acceptOp(op string) bool {
	ok := p.isOp(op)
	if ok {
		p.at++
	}
	return ok
}

func (p *parser) expectWord(w string) token {
	t := p.peek()
	if !p.acceptWord(w) {
		p.fail(t.Span, fmt.Sprintf("expected %s here%s", strings.ToUpper(w), but(t)), "")
	}
	return t
}

func (p *parser) expectOp(op string) token {
	t := p.peek()
	if !p.acceptOp(op) {
		p.fail(t.Span, fmt.Sprintf("expected %s here%s", op, but(t)), "")
	}
	return t
}

func (p *parser) failUnexpected(t token) {
	switch {
	case t.kind == tokenOp && t.text == "#":
		p.fail(t.Span, "unexpected #", "comments are written -- or /* */")
	case t.kind == tokenString:
		p.fail(t.Span, "unexpected text "+t.raw, "typed literals are not supported")
	}
	p.fail(t.Span, "unexpected "+t.raw, "")
}

func (p *parser) fail(at Span, message, hint string) {
	panic(&Error{Span: at, Message: message, Hint: hint})
}

// deeper counts nesting; the returned function ends it.
func (p *parser) deeper() func() {
	if p.depth++; p.depth > MaxDepth {
		p.fail(p.peek().Span, fmt.Sprintf("this query is nested too deeply (more than %d levels)", MaxDepth), "")
	}
	return func() { p.depth-- }
}
