// Package pgoutput decodes the messages of Postgres' logical decoding plugin of the same name, protocol version 1.
//
// Decoding copies nothing: names, values and contents are slices of the message that was given, valid as long as it is. The
// value slices of tuples come from the caller (Decoder.Values), so that a caller with an arena decodes rows without allocating.
//
// The bytes come from outside, so nothing in them is trusted: every read is bounds-checked, the first error sticks, a message
// must end where its content ends, and an unknown message or column kind is an error, never skipped (I13).
//
//	message = kind byte, then
//	  B  final lsn 8, commit time 8, xid 4
//	  C  flags 1, commit lsn 8, end lsn 8, commit time 8
//	  O  commit lsn 8, name z
//	  R  oid 4, namespace z, name z, identity 1, n 2, n x (flags 1, name z, type oid 4, typmod 4)
//	  Y  oid 4, namespace z, name z
//	  I  oid 4, 'N' tuple
//	  U  oid 4, ['K' tuple | 'O' tuple], 'N' tuple
//	  D  oid 4, 'K' tuple | 'O' tuple
//	  T  n 4, options 1, n x oid 4
//	  M  flags 1, lsn 8, prefix z, length 4, content
//	tuple = n 2, n x ('n' | 'u' | 't' length 4 text)
//
// z is text up to a zero byte; numbers are big-endian; times are microseconds since 2000-01-01.
package pgoutput
