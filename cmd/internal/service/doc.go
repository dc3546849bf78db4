// Package service is a weir process without its command line: it opens the store, deploys the rules file, runs the sources and the
// server, and stops them in the order in which nothing is lost: clients first, then the streams, which acknowledge what is
// durable, then the writer, then the file.
package service
