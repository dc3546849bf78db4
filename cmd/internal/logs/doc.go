// Package logs makes the logger of a process.
//
//	logs.go      text or JSON, one line for each change of a state
//	repeats.go   lines that say the same of the same thing again and again are left out for a while, and counted
//
// What a line is about (source, table, client and the like) is in fields that are named alike everywhere; docs/logs.md lists them with the
// lines. No line has a value of a row or a secret: packages log what they did and with what, never what it held.
package logs
