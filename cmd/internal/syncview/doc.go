// Package syncview prints what a client of the sync protocol holds, and how it
// changes: as tables for people (table.go), as JSON lines for programs
// (json.go).
//
// Nothing is printed before it is part of a whole checkpoint, so that a reader
// never sees half a transaction. Values come from a database and go to a
// terminal: in tables, control characters are escaped.
package syncview

import "github.com/weirsync/weir/clients/syncclient"

// Client is what a view reads: a syncclient.Client.
type Client interface {
	Tables() []string
	Rows(table string) []syncclient.Row
}

// View prints checkpoints. Apply is called after each, from one goroutine; an
// error is one of writing, or a row that is no JSON object.
type View interface {
	Apply(c Client, a syncclient.Applied) error
}
