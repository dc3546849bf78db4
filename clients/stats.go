package clients

import (
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirsync/weir/buckets"
)

// Transport is how a client gets its stream.
type Transport string

// Transports.
const (
	OverHTTP    Transport = "http"
	OverRSocket Transport = "rsocket" // over WebSocket: stock SDKs
	OverJSON    Transport = "json"    // over WebSocket: scripts
)

// Stats is what an operator watches of a server. Counts are of this process.
type Stats struct {
	Connections    int // places taken
	MaxConnections int
	Transports     map[Transport]TransportStats
	Sent           buckets.LatencyCounts // from the oldest commit at the source that a round tells until its last line is sent
	AuthFailures   map[string]int64      // by code
	Failures       map[string]int64      // other requests that were refused or broke off, by code
}

// TransportStats counts the sessions of a transport.
type TransportStats struct {
	Sessions int64 // now
	Waiting  int64 // of them, for their client to take what is being sent, now
	Opened   int64
	Lines    int64
	Bytes    int64 // of lines, before compression and framing
	Stalls   int64 // times that a client took nothing for stallAfter
}

// stallAfter is how long a client may keep a session waiting until that counts as a stall.
const stallAfter = time.Second

// figures are the running counts of a server.
type figures struct {
	transports map[Transport]*traffic // never changes
	sent       buckets.Latency

	mu       sync.Mutex
	auth     map[string]int64
	failures map[string]int64
}

// traffic counts the sessions of a transport.
type traffic struct{ sessions, waiting, opened, lines, bytes, stalls atomic.Int64 }

func newFigures() *figures {
	return &figures{
		transports: map[Transport]*traffic{OverHTTP: {}, OverRSocket: {}, OverJSON: {}},
		auth:       map[string]int64{}, failures: map[string]int64{},
	}
}

// fault counts what a client was told.
func (f *figures) fault(of *fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if of.status == http.StatusUnauthorized {
		f.auth[of.code]++
		return
	}
	f.failures[of.code]++
}

// Stats returns the figures of the server.
func (s *Server) Stats() Stats {
	f := s.figures
	out := Stats{MaxConnections: s.cfg.MaxConnections, Transports: map[Transport]TransportStats{}, Sent: f.sent.Counts()}
	for name, t := range f.transports {
		out.Transports[name] = TransportStats{
			Sessions: t.sessions.Load(), Waiting: t.waiting.Load(), Opened: t.opened.Load(),
			Lines: t.lines.Load(), Bytes: t.bytes.Load(), Stalls: t.stalls.Load(),
		}
	}
	s.mu.Lock()
	out.Connections = s.places
	s.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	out.AuthFailures, out.Failures = maps.Clone(f.auth), maps.Clone(f.failures)
	return out
}
