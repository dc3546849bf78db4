// Package admin serves the administrators' interface: the sync-rules and admin routes that PowerSync's tools use (client-protocol.md
// 1.6), and weir's own under /api/v1. openapi.yaml describes them all, and a test holds the two together.
//
// # A request's way
//
//	ServeHTTP ── route.open(request)    shape: body, query        400 PSYNC_S2001
//	          ── authorize              one of the tokens         401 PSYNC_S2101, PSYNC_S2106
//	          ── action(ctx)            the work                  what it returns is the answer's data, or an error
//
// The order is the protocol's. Without tokens in the configuration nobody is authorized: the routes are there, but closed.
//
// The package knows forms, not deeds: versions it takes from the store, and what else is done it asks of Rules and Sources, which cmd
// implements with the store and the sources. The types of their results are the wire forms, so that Go programs (the command line
// is one) can read answers with them.
package admin
