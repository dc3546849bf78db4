// Package syncrules compiles a rules text into an immutable Program and evaluates rows and requests with it. It is pure:
// no I/O, no goroutine, no clock.
package syncrules
