// Package syncclient is a client of the sync protocol, for programs in Go. It keeps the rows that the sync rules give its user in
// memory, tells of every change, and is as strict as the native core of the stock SDKs, and stricter: an operation that
// comes twice, out of order or beyond its checkpoint is an error, so that tests and benchmarks can trust what it accepts.
//
//	client.go     connect, read lines, come back after a delay
//	transport.go  NDJSON or BSON over HTTP        socket.go  BSON over RSocket on WebSocket
//	state.go      what lines do: checkpoints, checksums, positions
//	rows.go       objects, of which the highest op id over all buckets is the visible row
//
// Rows change only when a checkpoint is complete and its checksums are right, all at once. A bucket whose checksum is wrong is forgotten, and
// downloaded from its beginning on the next connection.
package syncclient
