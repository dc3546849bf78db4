package pgtest

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirsync/weir/replicator/pgserver"
)

// The types of pgserver, so that a test needs one import.
type (
	// Server is a running server.
	Server = pgserver.Server
	// Options says what server to start.
	Options = pgserver.Options
)

// VersionVar names the environment variable that picks the server's version.
const VersionVar = "WEIR_TEST_POSTGRES"

// startTimeout includes fetching a server over a slow line.
const startTimeout = 5 * time.Minute

// shared is the test binary's server.
var shared struct {
	mu     sync.Mutex
	server *Server
	err    error // of the one attempt to start it
}

// Main runs the tests of a package, stops the shared server and fails if a
// goroutine is left. It does not return:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
func Main(m *testing.M) {
	code := m.Run()
	if err := closeShared(); err != nil {
		fmt.Fprintln(os.Stderr, "close shared server:", err)
		code = max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// Shared returns the test binary's server. Tests must leave it running and
// configured as it is.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = start(Options{})
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// StartServer starts a server that the test may do anything to. It is closed
// at the end of the test; if the test fails, its log is part of the output.
// The version is WEIR_TEST_POSTGRES's unless o names one.
func StartServer(t testing.TB, o Options) *Server {
	t.Helper()
	var log logBuffer
	if o.Log == nil {
		o.Log = &log
	}
	s, err := start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() && len(log.tail) > 0 {
			t.Logf("log of postgres on port %d:\n%s", s.Port(), log.tail)
		}
	})
	return s
}

func start(o Options) (*Server, error) {
	if v := os.Getenv(VersionVar); v != "" && o.Version == 0 {
		version, err := strconv.Atoi(v)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", VersionVar, err)
		}
		o.Version = version
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return pgserver.Start(ctx, o)
}

func closeShared() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil {
		return nil
	}
	return shared.server.Close()
}

// logBuffer keeps the end of a log. It needs no lock: one goroutine writes it,
// and it is read after Server.Close.
type logBuffer struct{ tail []byte }

const logTail = 16 << 10

func (l *logBuffer) Write(b []byte) (int, error) {
	l.tail = append(l.tail, b...)
	if n := len(l.tail); n > 2*logTail {
		l.tail = append([]byte(nil), l.tail[n-logTail:]...)
	}
	return len(b), nil
}
