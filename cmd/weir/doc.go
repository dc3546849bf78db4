// Command weir keeps apps' local SQLite databases in step with Postgres.
//
// Package main is the command line: main.go runs a command and turns its error
// into an exit code, settings.go brings the configuration and the log, and each
// other file is a command, named after it.
//
// Exit codes: 0 it worked, 1 it did not (a fault in what weir was given, or in
// what it works with), 2 the command line was wrong.
package main
