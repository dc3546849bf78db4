package syncrules

import "encoding/json"

// Request is what a client asks with.
type Request struct {
	Claims          json.RawMessage // payload of the verified token
	Parameters      json.RawMessage // client parameters; empty or null: none
	Subscriptions   []Subscription
	ExcludeDefaults bool
}

// Subscription of a client to a stream.
type Subscription struct {
	Stream           string
	Parameters       json.RawMessage // empty or null: none
	OverridePriority *int
}

// LookupFunc returns the Values of the stored ParameterRows of definition d under lookup. The bytes are valid until the
// next call.
type LookupFunc func(d *Definition, lookup []byte) ([][]byte, error)

// Resolution is the answer to a Request at one checkpoint.
type Resolution struct {
	Buckets          []ResolvedBucket
	Streams          []ResolvedStream
	ParameterResults int // rows that lookups gave, for the limit
}

// ResolvedBucket is a bucket of the client, once, with all its reasons.
type ResolvedBucket struct {
	Definition *Definition
	Name       string // without version prefix
	Priority   int
	Reasons    []Reason
}

// Reason tells why a bucket is there.
type Reason struct {
	Default      bool
	Stream       int // Default: index into Resolution.Streams
	Subscription int // else: index into Request.Subscriptions
}

// ResolvedStream is a stream (or legacy definition) that the client is subscribed to.
type ResolvedStream struct {
	Name      string
	IsDefault bool
	Errors    []StreamError
}

// StreamError is an error of one subscription. Subscription is -1 for the default one.
type StreamError struct {
	Subscription int
	Message      string
}
