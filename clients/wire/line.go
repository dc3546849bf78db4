package wire

// Checkpoint says what a client should hold at op id LastOp.
type Checkpoint struct {
	LastOp          uint64
	WriteCheckpoint int64 // 0: none
	Buckets         []Bucket
	Streams         []Stream
}

// Diff is a Checkpoint relative to the one sent before it. The write checkpoint does not carry over.
type Diff struct {
	LastOp          uint64
	WriteCheckpoint int64 // 0: none
	Removed         []string
	Updated         []Bucket
}

// Bucket is the state of a bucket at a checkpoint.
type Bucket struct {
	Name     string
	Checksum uint32 // sum of the operations' checksums mod 2^32
	Count    int64
	Priority int // 0..3, 0 is most urgent
	Reasons  []Reason
}

// Reason tells why a bucket is there.
type Reason struct {
	Default bool
	Index   int // of Default: into Checkpoint.Streams; else: into the subscriptions of the request
}

// Stream is a stream that the client is subscribed to.
type Stream struct {
	Name      string
	IsDefault bool
	Errors    []StreamError
}

// StreamError is what is wrong with one subscription to a stream.
type StreamError struct {
	Subscription int // index into the subscriptions of the request, -1 for the default one
	Message      string
}

// Kind is the kind of an operation.
type Kind uint8

// Kinds of operation.
const (
	Put Kind = iota + 1
	Remove
	Move
	Clear
)

var kindNames = [...]string{Put: "PUT", Remove: "REMOVE", Move: "MOVE", Clear: "CLEAR"}

// String returns the kind as it stands on the wire.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return ""
}

// parseKind is the inverse of String; 0 for a kind that does not exist.
func parseKind(s string) Kind {
	for k := Put; k <= Clear; k++ {
		if kindNames[k] == s {
			return k
		}
	}
	return 0
}

// Op is an operation of a bucket.
type Op struct {
	ID       uint64
	Kind     Kind
	Checksum uint32
	Type     []byte // output table; of Put and Remove, like the following
	ObjectID []byte
	Subkey   []byte
	Data     []byte // JSON text of a flat object, only of Put; valid UTF-8, which nobody checks
}

// Page is a decoded data line.
type Page struct {
	Bucket  string
	After   uint64
	HasMore bool
	Ops     []Op
	Next    uint64
}

// Partial is a decoded partial_checkpoint_complete line.
type Partial struct {
	LastOp   uint64
	Priority int
}

// Line is a decoded line: one field is set, or none if the kind is not known.
type Line struct {
	Checkpoint *Checkpoint
	Diff       *Diff
	Page       *Page
	Partial    *Partial
	Complete   *uint64 // last op id
	ExpiresIn  *int    // seconds
}
