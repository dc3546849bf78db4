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
	start, end := q.place(at)
	q.add(s, q.definition, start, end, message, hint)
}

// place is where a part of the query stands in the file.
func (q *queryReporter) place(at sql.Span) (start, end int) {
	last := len(q.query.offsets) - 1
	start = q.query.offsets[max(min(at.Start, last), 0)]
	end = start
	if at.End > at.Start {
		end = q.query.offsets[min(at.End, last)-1] + 1
	}
	return start, end
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
