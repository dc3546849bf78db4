// Package rsocket speaks the part of RSocket 1.0 over WebSocket that sync clients use: SETUP, REQUEST_STREAM, REQUEST_N, CANCEL, PAYLOAD,
// ERROR and KEEPALIVE, one frame in each binary message.
//
// Serve is the server side of a connection, Dial the client side. A connection has one reader, which never waits for a stream, so that
// KEEPALIVE is answered at once while streams are out of credit or busy: behind the message that is being written, if there is one.
// Streams write from goroutines of their own; a lock makes messages whole, and a deadline on each of them makes sure that a peer
// that stopped reading ends the connection instead of holding its goroutines.
//
// The server writes WebSocket messages itself, so that several leave in one write: Stream.Hold keeps a payload back until more
// follow. Reading, and the client side, are gorilla's.
//
// Flow control is by credit: a stream may send as many payloads as its peer has asked for (REQUEST_N), then waits. Stream.Ready waits without
// taking credit, so that a payload need not exist before it can be sent.
//
// Not supported, and answered as the protocol says: resumption, leases, request types other than REQUEST_STREAM, fragments.
package rsocket
