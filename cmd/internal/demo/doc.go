// Package demo shows weir at work, on a machine that has nothing: a Postgres
// of its own with a restaurant guide in it, a weir, and the clients of two
// users, to which it counts how long every change takes.
//
//	Run ── startPostgres   a server in a temporary folder        (postgres.go)
//	    ── load            schema.sql and the guide              (load.go, guide.go, words.go)
//	    ── startWeir       as "weir serve" does, on rules.yaml   (weir.go)
//	    ── connect         a client of each user                 (watcher.go)
//	    ── drive           a change a second, and its arrivals   (drive.go, author.go)
//	    ── verify          clients' rows against SQL             (verify.go)
//
// What is shown is checked, so that the demo is a test of the whole: Run
// returns an error unless every change arrived at each client that should see
// it and at no other, and the clients' rows are in the end what SQL says.
//
// Latency is the time from when COMMIT returned to the client's callback.
// Nothing polls: a client notes the time of what it is told, and the driver
// waits for that note. What comes even before COMMIT has returned counts as 0.
//
// Whatever ends the demo, nothing of it stays: clients, weir and server are
// stopped in this order, and the temporary folders removed.
package demo
