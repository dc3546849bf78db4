package sql

// Walk calls visit for e and every expression in it, parents first, but not for what stands in subqueries.
func Walk(e Expr, visit func(Expr)) {
	if e == nil {
		return
	}
	visit(e)
	for _, child := range Children(e) {
		Walk(child, visit)
	}
}

// Children are the expressions that e is made of.
func Children(e Expr) []Expr {
	switch e := e.(type) {
	case *Unary:
		return []Expr{e.X}
	case *Binary:
		return []Expr{e.L, e.R}
	case *IsNull:
		return []Expr{e.X}
	case *IsBool:
		return []Expr{e.X}
	case *In:
		return []Expr{e.X, e.R}
	case *Between:
		return []Expr{e.X, e.Lo, e.Hi}
	case *Cast:
		return []Expr{e.X}
	case *Call:
		return e.Args
	case *List:
		return e.Items
	case *Case:
		return e.children()
	}
	return nil
}

func (c *Case) children() []Expr {
	var all []Expr
	if c.Operand != nil {
		all = append(all, c.Operand)
	}
	for _, w := range c.Whens {
		all = append(all, w.Cond, w.Then)
	}
	if c.Else != nil {
		all = append(all, c.Else)
	}
	return all
}
