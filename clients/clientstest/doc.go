// Package clientstest makes servers for tests: a real store on a temporary file, filled by hand-made source transactions, and a
// real clients.Server on a loopback port. No Postgres is needed.
package clientstest
