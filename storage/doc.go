// Package storage is the bbolt file: keys, codecs, transactions, check.
package storage
