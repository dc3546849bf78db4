// Package clients serves the outside world: sync streams over HTTP and WebSocket, write checkpoints and probes.
//
// # A client's stream
//
//	POST /sync/stream            GET /sync/stream, upgraded
//	  streamhttp.go                streamrsocket.go            form, authorization, limits, transport
//	         \                      /
//	          session (session.go)                             what to say, one goroutine
//	           |  look.go   one View: what changed for the client up to the newest checkpoint
//	           |  round.go  what was told, and what is to be told now
//	           |  play.go   the checkpoint line, pages of data by priority, what completes them
//	           |  clock.go  token expiry
//	          sender                                           takes lines, waits for the client
//
// The session knows no transport. It asks its sender whether a line can be sent before it makes the line: a client without credit
// holds no page, no encoder and no read transaction. It sleeps in Subscription.Wait and is woken only by what
// concerns it; checkpoints that pass meanwhile are skipped, never queued.
//
// # Thousands of sessions
//
// A look reads the buckets that the feed names, whatever else the client has; lookups run again only if one of them changed. The feed lags
// behind the file by a moment, so a look first makes sure that it was told of all that it sees (look.go): a diff that left a bucket out
// would have the client skip its ops. What a small commit did to a bucket comes with the news: a session whose client was told of the very
// state before needs no View (fresh.go). Pages of a bucket that several sessions watch are read and encoded once, at most twice (pages.go).
// The lines of a round leave in one write. Pages are as large as the client's connection has room for (outbox.Room, pace.go): large ones go
// to the kernel at once, so a client that takes nothing, however fast it was, holds up a small one and less than 64 KiB in all. While one
// is sent the next two are read, if there is room for all (reading.go). A row that is larger is held whole. Compression keeps nothing
// between lines (compress.go); WebSockets are written to through package outbox. An idle session has one goroutine, two on WebSocket, and
// no buffer of ours.
//
// Rules of the session, cited by number in code and tests (client-protocol.md 3.7 and 3.8):
//
//	C1  The first line of a connection is a full checkpoint. Later ones are diffs against the last line sent, complete or not.
//	C2  An op is sent at most once on a connection, ascending in its bucket. held.position is the last one that the client said it has,
//	    or was sent.
//	C3  What must be fetched is what the newest checkpoint has beyond positions (session.behind names those buckets). Nothing else is
//	    remembered of an interrupted round.
//	C4  A round that is overtaken (interrupted, compacted under its feet, or of a version that is no longer served) sends no complete
//	    line, unless it needs nothing more of the file; another round follows, even if it changes nothing else.
//	C5  No View waits for the client: lines are sent outside of it, and a page that is read ahead (reading.go) is read to its end.
//	C6  A wake-up is never lost: the session looks once more if it was told of something between a look and the change of what it
//	    watches that followed.
//
// # Versions
//
// When another rules version becomes active, the session resolves the request again and sends a full checkpoint on the same
// connection. Buckets of definitions that both versions have keep their names, and so their positions: only new ones are downloaded.
//
// # Scripts and dashboards
//
// A WebSocket of the subprotocol weir.json.v1 (streamjson.go) carries the same lines as plain JSON, one a message, to whoever has no SDK.
//
// # Errors
//
// A client sees a fault: a stable code and a short text. Causes go to the log. Before the response head a fault is the JSON
// form of protocol 1; after it, HTTP can only cut the connection.
package clients
