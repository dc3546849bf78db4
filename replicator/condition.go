package replicator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// conditionTimeout bounds each statement that evaluates a condition.
const conditionTimeout = "60s"

// ConditionError says what is wrong with a condition of a resnapshot.
type ConditionError struct {
	Condition string
	Message   string
	Position  int // of the character, from 1; 0 if unknown
}

// Error shows the condition's line with a caret.
func (e *ConditionError) Error() string {
	if e.Position == 0 {
		return "condition: " + e.Message
	}
	line, column := place(e.Condition, e.Position)
	text := strings.Split(e.Condition, "\n")[line-1]
	return fmt.Sprintf("condition:%d:%d: %s\n  %s\n  %s^", line, column, e.Message, text, strings.Repeat(" ", column-1))
}

// place is the line and the column of a character.
func place(text string, position int) (line, column int) {
	line, column = 1, 1
	for _, r := range text {
		if position--; position == 0 {
			break
		}
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	return line, column
}

// conditionForms are what a condition is checked in. Each plans it as one statement; that it makes sense within both kinds of brackets says
// that it closes none that it has not opened, so it stays within those that a chunk's COPY puts around it. The line break ends a comment.
var conditionForms = [][2]string{
	{"EXPLAIN SELECT FROM ONLY %s WHERE (", "\n)"},
	{"EXPLAIN SELECT FROM ONLY %s WHERE (ARRAY[", "\n])[1]"},
}

// checkCondition has the server plan the condition for a relation, with the source's own rights, in a transaction that can't write.
func (s *Source) checkCondition(ctx context.Context, oid uint32, condition string) error {
	pool := s.side.Load()
	if pool == nil {
		return ErrNotConnected
	}
	return pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var name string
		if err := tx.QueryRow(ctx, "SELECT $1::oid::regclass::text, set_config('statement_timeout', $2, true)", oid, conditionTimeout).Scan(&name, nil); err != nil {
			return fmt.Errorf("check condition: %w", err)
		}
		for _, form := range conditionForms {
			before := fmt.Sprintf(form[0], name)
			rows, err := tx.Query(ctx, before+condition+form[1])
			if err == nil {
				rows.Close()
				err = rows.Err()
			}
			if err != nil {
				return conditionError(condition, utf8.RuneCountInString(before), err)
			}
		}
		return nil
	})
}

func conditionError(condition string, before int, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return fmt.Errorf("check condition: %w", err)
	}
	e := &ConditionError{Condition: condition, Message: pg.Message}
	if at := int(pg.Position) - before; at >= 1 && at <= utf8.RuneCountInString(condition) {
		e.Position = at
	}
	return e
}

// conditionFailed tells whether reading failed because of the condition, on the data: reading on would only fail again.
func conditionFailed(err error) bool {
	c := code(err)
	switch {
	case c == "57014": // statement_timeout
		return true
	case len(c) != 5:
		return false
	}
	switch c[:2] {
	case "22", "23", "25", "42", "P0", "XX": // data, constraint, a write in a read-only transaction, names and rights, PL/pgSQL, internal
		return true
	}
	return false
}

// conditionFault says why reading failed. What the server says of data can hold a row's values, so only its code is shown then.
func conditionFault(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "25") || pg.Code == "57014") {
		return "the condition can't be evaluated: " + pg.Message
	}
	return fmt.Sprintf("the condition can't be evaluated: SQLSTATE %s on some row; run it as a query to see more", code(err))
}
