package sql

import "strings"

// expr reads an expression. Every level of precedence is a function that reads the next tighter one.
func (p *parser) expr() Expr {
	defer p.deeper()()
	return p.or()
}

// chain reads left-associative operators. Long chains nest to the left, so that they count as depth too.
func (p *parser) chain(next func() Expr, operator func() (string, bool)) Expr {
	first := p.at
	x := next()
	start := p.depth
	defer func() { p.depth = start }()
	for {
		at := p.peek().Span
		op, ok := operator()
		if !ok {
			return x
		}
		p.deeper()
		r := next()
		x = &Binary{Span: p.since(first), Op: op, At: at, L: x, R: r}
	}
}

func (p *parser) word(words ...string) func() (string, bool) {
	return func() (string, bool) {
		for _, w := range words {
			if p.acceptWord(w) {
				return strings.ToUpper(w), true
			}
		}
		return "", false
	}
}

func (p *parser) op(ops ...string) func() (string, bool) {
	return func() (string, bool) {
		for _, op := range ops {
			if p.acceptOp(op) {
				if op == "<>" {
					op = "!="
				}
				return op, true
			}
		}
		return "", false
	}
}

func (p *parser) or() Expr  { return p.chain(p.and, p.word("or")) }
func (p *parser) and() Expr { return p.chain(p.not, p.word("and")) }

func (p *parser) not() Expr {
	first := p.at
	if !p.acceptWord("not") {
		return p.equal()
	}
	defer p.deeper()()
	x := p.not()
	return &Unary{Span: p.since(first), Op: "NOT", X: x}
}

func (p *parser) equal() Expr { return p.chain(p.is, p.op("=", "!=", "<>")) }

func (p *parser) is() Expr {
	first := p.at
	x := p.compare()
	for {
		switch {
		case p.acceptWord("isnull"):
			x = &IsNull{Span: p.since(first), X: x}
		case p.acceptWord("notnull"):
			x = &IsNull{Span: p.since(first), X: x, Not: true}
		case p.acceptWord("is"):
			x = p.isWhat(x, first)
		default:
			return x
		}
		p.bound(x)
	}
}

func (p *parser) isWhat(x Expr, first int) Expr {
	not := p.acceptWord("not")
	switch t := p.peek(); {
	case p.acceptWord("null"):
		return &IsNull{Span: p.since(first), X: x, Not: not}
	case p.acceptWord("true"):
		return &IsBool{Span: p.since(first), X: x, Not: not, Value: true}
	case p.acceptWord("false"):
		return &IsBool{Span: p.since(first), X: x, Not: not}
	case p.isWord("distinct"):
		p.fail(t.Span, "IS DISTINCT FROM is not supported", "combine = and IS NULL")
	default:
		p.fail(t.Span, "expected NULL, TRUE or FALSE after IS"+but(t), "")
	}
	return nil
}

// since is the place from a token up to the last one read, with any parentheses around the operands.
func (p *parser) since(first int) Span { return Span{p.tokens[first].Start, p.tokens[p.at-1].End} }

// bound fails for expressions that postfix operators nest too deeply.
func (p *parser) bound(x Expr) {
	depth := 0
	for {
		switch y := x.(type) {
		case *IsNull:
			x = y.X
		case *IsBool:
			x = y.X
		case *Cast:
			x = y.X
		default:
			return
		}
		if depth++; depth > MaxDepth {
			p.fail(p.peek().Span, "this expression is nested too deeply", "")
		}
	}
}

func (p *parser) compare() Expr { return p.chain(p.between, p.op("<=", ">=", "<", ">")) }

func (p *parser) between() Expr {
	first := p.at
	x := p.others()
	not := p.isWord("not") && p.tokens[p.at+1].text == "between"
	if not {
		p.at++
	}
	if !p.acceptWord("between") {
		return x
	}
	lo := p.others()
	p.expectWord("and")
	hi := p.others()
	return &Between{Span: p.since(first), X: x, Lo: lo, Hi: hi, Not: not}
}

func (p *parser) others() Expr {
	return p.chain(p.like, p.op("|", "&", "<<", ">>", "~*", "!~*", "!~", "~", "@>", "<@", "?"))
}

func (p *parser) like() Expr {
	return p.chain(p.in, func() (string, bool) {
		for _, w := range []string{"like", "ilike", "similar"} {
			if p.isWord(w) || p.isWord("not") && p.tokens[p.at+1].kind == tokenWord && p.tokens[p.at+1].text == w {
				p.acceptWord("not")
				p.at++
				return strings.ToUpper(w), true
			}
		}
		return "", false
	})
}

func (p *parser) in() Expr {
	first := p.at
	x := p.additive()
	for {
		not := p.isWord("not") && p.tokens[p.at+1].kind == tokenWord && p.tokens[p.at+1].text == "in"
		if not {
			p.at++
		}
		if !p.acceptWord("in") {
			return x
		}
		p.depth++
		r := p.additive()
		x = &In{Span: p.since(first), X: x, Not: not, R: r}
	}
}

func (p *parser) additive() Expr { return p.chain(p.multiplicative, p.op("+", "-", "||", "&&")) }

func (p *parser) multiplicative() Expr { return p.chain(p.power, p.op("*", "/", "%")) }

func (p *parser) power() Expr { return p.chain(p.unary, p.op("^")) }

func (p *parser) unary() Expr {
	t, first := p.peek(), p.at
	op, ok := p.op("+", "-")()
	if !ok {
		return p.postfix()
	}
	defer p.deeper()()
	// A sign before digits belongs to the literal, whatever follows: -1::text is (-1)::text.
	if n := p.peek(); op == "-" && (n.kind == tokenInt || n.kind == tokenDecimal) {
		p.tokens[p.at].text = "-" + n.text
		p.tokens[p.at].Start = t.Start
		return p.postfix()
	}
	x := p.unary()
	return &Unary{Span: p.since(first), Op: op, X: x}
}

// postfix reads x -> y, x ->> y, x::type and x[i].
func (p *parser) postfix() Expr {
	first := p.at
	x := p.primary()
	start := p.depth
	defer func() { p.depth = start }()
	for {
		t := p.peek()
		switch {
		case p.acceptOp("->"), p.acceptOp("->>"):
			p.deeper()
			r := p.member()
			x = &Binary{Span: p.since(first), Op: t.text, At: t.Span, L: x, R: r}
		case p.acceptOp("::"):
			p.deeper()
			typ := p.typeName()
			x = &Cast{Span: p.since(first), X: x, Type: typ}
		case p.isOp("["):
			p.fail(t.Span, "array subscripts are not supported", "write x ->> 0")
		default:
			return x
		}
	}
}

// member reads the right side of -> and ->>, where a number may have a sign.
func (p *parser) member() Expr {
	if t := p.peek(); p.isOp("-") && p.tokens[p.at+1].kind == tokenInt {
		p.at++
		p.tokens[p.at].text = "-" + p.tokens[p.at].text
		p.tokens[p.at].Start = t.Start
	}
	return p.primary()
}

// typeName reads a type, with its words joined by one space: double precision, varchar(10), text[].
func (p *parser) typeName() string {
	t := p.peek()
	if t.kind != tokenWord && t.kind != tokenQuoted {
		p.fail(t.Span, "expected a type here"+but(t), "")
	}
	p.at++
	var name strings.Builder
	name.WriteString(t.text)
	for _, w := range []string{"precision", "varying"} {
		if p.acceptWord(w) {
			name.WriteString(" " + w)
		}
	}
	if p.acceptOp("(") {
		for !p.isOp(")") && p.peek().kind != tokenEnd {
			p.at++
		}
		p.expectOp(")")
		name.WriteString("(..)")
	}
	for p.acceptOp("[") {
		p.expectOp("]")
		name.WriteString("[]")
	}
	return name.String()
}
