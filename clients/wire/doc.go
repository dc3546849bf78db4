// Package wire holds the lines of a sync stream: what they contain, and their two encodings, NDJSON and BSON.
//
// A line is an object with exactly one key, which names its kind:
//
//	checkpoint                   every bucket and stream of the client, at one op id
//	checkpoint_diff              what changed since the checkpoint or diff before it on this connection
//	data                         a page: operations of one bucket, ascending
//	partial_checkpoint_complete  everything up to a priority has been sent
//	checkpoint_complete          everything has been sent
//	token_expires_in             seconds that the connection's token has left
//
// An Encoder writes them; each kind is described once, on top of a few primitives that know the format (encoder.go). Pages are
// written operation by operation as the store visits them, without a copy in between. DecodeJSON and DecodeBSON read lines, and are as
// strict as the native core of the stock SDKs: what they refuse would end a stock client's connection.
//
// The package imports nothing of ours, so that a client can be built from it without the server.
package wire
