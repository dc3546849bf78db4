package syncrules

import "github.com/weirsync/weir/syncrules/sql"

// The language has no three-valued logic for NOT, and edition 3 none for !=: such conditions hold where a value is missing.
// Weir keeps to that and says so, as these comparisons decide who sees data.

func (b *builder) noticeNot(e *sql.Unary) {
	switch e.X.(type) {
	case *sql.IsNull, *sql.IsBool, *sql.Literal:
		return
	}
	if !b.sqlite {
		b.notice(e, "this is also true where "+b.source(e.X)+" is NULL", "add a condition with IS NOT NULL if those are not meant")
	}
}

func (b *builder) noticeNotEqual(e *sql.Binary) {
	if b.sqlite {
		return
	}
	for _, side := range []sql.Expr{e.L, e.R} {
		if _, literal := side.(*sql.Literal); !literal {
			b.notice(e, "this is also true where "+b.source(side)+" is NULL or missing", "add a condition with IS NOT NULL if those are not meant")
			return
		}
	}
}

func (b *builder) noticeNotIn(e *sql.In) {
	if !b.sqlite {
		b.notice(e, "this is also true where "+b.source(e.X)+" is NULL or missing", "add a condition with IS NOT NULL if those are not meant")
	}
}
