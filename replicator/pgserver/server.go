package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"sync"
	"syscall"
)

// Options says what server to start. The zero value is fine: any installed
// version, else the newest that can be fetched, in a folder of its own.
type Options struct {
	// Version is the major version, 0 for any.
	Version int
	// Dir keeps the cluster. A cluster that is there already is started as it
	// is, and Close leaves it. Empty means a temporary folder that Close removes.
	Dir string
	// CacheDir keeps fetched servers. Empty means the user's cache folder, or
	// the system's for root, whose own the server's user could not enter.
	CacheDir string
	// Settings are written into postgresql.conf over the defaults of this
	// package (see cluster.go) when the cluster is made.
	Settings map[string]string
	// Log gets the server's log and the progress of a fetch. It may be nil. It
	// is written to by other goroutines until Close returns.
	Log io.Writer
}

// Server is one cluster and, between Start or Restart and Stop or Kill, the
// server process on it. Its methods may be called from several goroutines.
type Server struct {
	log     io.Writer
	program program
	cluster cluster
	release func() error // gives the folder back
	port    int          // chosen by Start, kept by Restart

	mu   sync.Mutex
	proc *process // nil when stopped
}

var errPortTaken = errors.New("port is taken")

// portTries bounds how often a port that another process took in between is
// replaced by another one.
const portTries = 10

// Start makes a cluster and starts a server on it. It returns when the server
// accepts connections. ctx bounds the start, not the server's life.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	prog, err := locate(ctx, o)
	if err != nil {
		return nil, err
	}
	acc, err := pickAccount()
	if err != nil {
		return nil, err
	}
	dir, release, err := openDir(o.Dir, acc)
	if err != nil {
		return nil, err
	}
	s := &Server{
		log:     o.Log,
		program: prog,
		cluster: cluster{dir: dir, account: acc},
		release: release,
	}
	if err := s.cluster.create(ctx, prog, o.Settings); err != nil {
		return nil, errors.Join(err, release())
	}
	if err := s.Restart(ctx); err != nil {
		return nil, errors.Join(err, release())
	}
	return s, nil
}

// Version returns the major version.
func (s *Server) Version() int { return s.program.version }

// DataDir returns the cluster's data folder.
func (s *Server) DataDir() string { return s.cluster.data() }

// Port returns the TCP port on 127.0.0.1. It stays the same over restarts.
func (s *Server) Port() int { return s.port }

// URI returns the address of a database of this server for its superuser.
func (s *Server) URI(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Stopped says whether the server is stopped. One that crashed by itself is not.
func (s *Server) Stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc == nil
}

// Stop shuts the server down as an operator does (a "fast" shutdown, with a
// final checkpoint). The server waits for its walsenders to have sent all WAL;
// when ctx ends, it is killed instead and ctx's error returned. Stopping a
// stopped server does nothing.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopLocked(ctx, syscall.SIGINT)
}

// Kill ends the server as a crash does: at once, without checkpoint, so that
// the next start runs the recovery. It returns when all its processes are gone.
func (s *Server) Kill(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopLocked(ctx, syscall.SIGQUIT)
}

// Restart stops a running server (as Stop does) and starts it again on the
// same port. It returns when the server accepts connections.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.stopLocked(ctx, syscall.SIGINT); err != nil {
		return err
	}
	return s.startLocked(ctx)
}

// Close kills the server and, if Start made the folder, removes it.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.stopLocked(context.Background(), syscall.SIGQUIT)
	return errors.Join(err, s.release())
}

func (s *Server) startLocked(ctx context.Context) error {
	fixed := s.port != 0
	for try := 0; ; try++ {
		if !fixed {
			s.port = choosePort()
		}
		proc, err := s.cluster.run(ctx, s.program, s.port, s.log)
		if err == nil {
			s.proc = proc
			return nil
		}
		if fixed || try == portTries || !errors.Is(err, errPortTaken) {
			return fmt.Errorf("start postgres %d: %w", s.program.version, err)
		}
	}
}

func (s *Server) stopLocked(ctx context.Context, sig syscall.Signal) error {
	if s.proc == nil {
		return nil
	}
	err := s.proc.stop(ctx, sig)
	s.proc = nil
	if err != nil {
		return fmt.Errorf("stop postgres %d: %w", s.program.version, err)
	}
	return nil
}

// choosePort picks from below the range that systems take ports of outgoing
// connections from: nothing grabs it while a test has its server stopped.
func choosePort() int { return 20000 + rand.IntN(12000) }
