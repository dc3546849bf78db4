// Package pgtest gives tests real PostgreSQL databases. It puts package
// pgserver, which finds or fetches and runs the servers, behind testing.TB.
//
// All tests of a test binary share one server, started by the first that needs
// it and stopped by Main; each test takes a database of its own from New.
// Tests that stop, kill or reconfigure a server start their own by StartServer.
//
// WEIR_TEST_POSTGRES picks the major version of all of them (14 to 18); unset,
// any installed version does.
//
// Databases of one server are not isolated in everything: creating a logical
// replication slot waits for the transactions of all databases, and roles and
// slot names are the server's. A test that holds transactions open for long
// should have a server of its own; names of roles and slots should be derived
// from Database.Name.
package pgtest
