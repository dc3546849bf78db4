package sql

import "fmt"

// primary reads what binds tightest: literals, names, calls, parentheses, CASE, CAST.
func (p *parser) primary() Expr {
	t := p.peek()
	switch t.kind {
	case tokenInt:
		p.at++
		return &Literal{Span: t.Span, Kind: Int, Text: t.text}
	case tokenDecimal:
		p.at++
		return &Literal{Span: t.Span, Kind: Decimal, Text: t.text}
	case tokenString:
		p.at++
		return &Literal{Span: t.Span, Kind: String, Text: t.text}
	case tokenQuoted:
		return p.reference()
	case tokenWord:
		return p.wordPrimary(t)
	case tokenOp:
		if t.text == "(" {
			return p.parenthesised()
		}
	}
	p.fail(t.Span, "expected an expression here"+but(t), "")
	return nil
}

func (p *parser) wordPrimary(t token) Expr {
	switch t.text {
	case "true", "false":
		p.at++
		return &Literal{Span: t.Span, Kind: Bool, Text: t.text}
	case "null":
		p.at++
		return &Literal{Span: t.Span, Kind: Null}
	case "case":
		return p.caseExpr()
	case "cast":
		return p.cast()
	case "array":
		return p.list("ARRAY", "[", "]")
	case "row":
		if p.tokens[p.at+1].text == "(" {
			return p.list("ROW", "(", ")")
		}
	case "exists", "any", "all", "some":
		p.fail(t.Span, t.raw+" is not supported", "use x IN (SELECT ..)")
	case "select":
		p.fail(t.Span, "a subquery has to stand in parentheses", "")
	case "current_timestamp", "current_date", "current_time", "localtime", "localtimestamp":
		p.fail(t.Span, t.raw+" is not supported", "a row has to give the same result at any time")
	}
	return p.reference()
}

func (p *parser) parenthesised() Expr {
	defer p.deeper()()
	open := p.expectOp("(")
	if p.isWord("select") {
		sel := p.selectQuery()
		end := p.expectOp(")")
		return &Subquery{Span: Span{open.Start, end.End}, Select: sel}
	}
	items := []Expr{p.expr()}
	for p.acceptOp(",") {
		items = append(items, p.expr())
	}
	end := p.expectOp(")")
	if len(items) == 1 {
		return items[0]
	}
	return &List{Span: Span{open.Start, end.End}, Items: items}
}

func (p *parser) list(kind, open, close string) Expr {
	defer p.deeper()()
	l := &List{Span: p.peek().Span, Kind: kind}
	p.at++
	p.expectOp(open)
	for !p.isOp(close) {
		l.Items = append(l.Items, p.expr())
		if !p.acceptOp(",") {
			break
		}
	}
	l.End = p.expectOp(close).End
	return l
}

func (p *parser) caseExpr() Expr {
	defer p.deeper()()
	c := &Case{Span: p.expectWord("case").Span}
	if !p.isWord("when") {
		c.Operand = p.expr()
	}
	for p.acceptWord("when") {
		cond := p.expr()
		p.expectWord("then")
		c.Whens = append(c.Whens, When{Cond: cond, Then: p.expr()})
	}
	if len(c.Whens) == 0 {
		p.expectWord("when")
	}
	if p.acceptWord("else") {
		c.Else = p.expr()
	}
	c.End = p.expectWord("end").End
	return c
}

func (p *parser) cast() Expr {
	start := p.expectWord("cast").Start
	p.expectOp("(")
	x := p.expr()
	p.expectWord("as")
	typ := p.typeName()
	return &Cast{Span: Span{start, p.expectOp(")").End}, X: x, Type: typ}
}

// reference reads name, table.name, table.*, f(..) and schema.f(..).
func (p *parser) reference() Expr {
	first := p.name("an expression")
	if p.isOp("(") {
		return p.call(nil, *first)
	}
	if !p.acceptOp(".") {
		return &Ref{Span: first.Span, Name: *first}
	}
	if t := p.peek(); p.acceptOp("*") {
		return &Ref{Span: Span{first.Start, t.End}, Table: first, Star: true}
	}
	second := p.qualifiedName()
	if p.isOp("(") {
		return p.call(first, *second)
	}
	if t := p.peek(); p.isOp(".") {
		p.fail(t.Span, "a column takes at most one qualifier", fmt.Sprintf("give the table an alias and write alias.%s", second.Text))
	}
	return &Ref{Span: Span{first.Start, second.End}, Table: first, Name: *second}
}

// qualifiedName reads the name after a dot, where reserved words need no quotes.
func (p *parser) qualifiedName() *Ident {
	if t := p.peek(); t.kind == tokenWord {
		p.at++
		return &Ident{Span: t.Span, Name: t.text, Text: t.raw}
	}
	return p.name("a column name")
}

func (p *parser) call(schema *Ident, name Ident) *Call {
	defer p.deeper()()
	c := &Call{Span: name.Span, Schema: schema, Name: name}
	if schema != nil {
		c.Start = schema.Start
	}
	p.expectOp("(")
	if p.acceptOp("*") {
		c.Star = true
	} else if !p.isOp(")") {
		p.acceptWord("distinct")
		c.Args = append(c.Args, p.expr())
		for p.acceptOp(",") {
			c.Args = append(c.Args, p.expr())
		}
	}
	c.End = p.expectOp(")").End
	return c
}
