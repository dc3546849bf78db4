package syncrules

import (
	"github.com/weirsync/weir/syncrules/sql"
)

// queryText is an SQL text with its place in the file.
type queryText struct {
	label   string // of the key it stands under: data[0]
	text    string
	offsets []int
}

// queryReporter reports faults of one query.
type queryReporter struct {
	*reporter
	query      *queryText
	definition string
	faults     int // fatal ones
}

func (q *queryReporter) report(s Severity, at sql.Span, message, hint string) {
	if s == Fatal {
		q.faults++
	}
	end := len(q.query.offsets) - 1
	start := q.query.offsets[max(min(at.Start, end), 0)]
	stop := start
	if at.End > at.Start {
		stop = q.query.offsets[min(at.End, end)-1] + 1
	}
	q.add(s, q.definition, start, stop, message, hint)
}

func (q *queryReporter) fault(at sql.Node, message, hint string) {
	q.report(Fatal, at.Pos(), message, hint)
}

func (q *queryReporter) warn(at sql.Node, message, hint string) {
	q.report(Warning, at.Pos(), message, hint)
}

func (q *queryReporter) notice(at sql.Node, message, hint string) {
	q.report(Notice, at.Pos(), message, hint)
}

// source is the text of a node as written.
func (q *queryReporter) source(at sql.Node) string {
	span := at.Pos()
	return q.query.text[span.Start:span.End]
}

// parse reads the query, or reports why it cannot.
func (q *queryReporter) parse() *sql.Select {
	sel, err := sql.Parse(q.query.text)
	if err != nil {
		q.report(Fatal, err.Span, err.Message, err.Hint)
		return nil
	}
	return sel
}
