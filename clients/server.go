package clients

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/semaphore"

	"github.com/weirsync/weir/clients/auth"
)

// Server serves clients. Make it with New.
type Server struct {
	cfg      Config
	log      *slog.Logger
	upgrader websocket.Upgrader
	pages    *pages
	budget   *semaphore.Weighted // for large pages
	figures  *figures

	// draining ends when Shutdown begins. It is a context because that is what everything waits on.
	draining context.Context
	drain    context.CancelCauseFunc

	mu        sync.Mutex
	places    int            // taken by HTTP streams and WebSockets
	strangers int            // WebSockets before set-up
	users     map[string]int // places by user
	sockets   map[*websocket.Conn]struct{}
	running   sync.WaitGroup
}

var errDraining = errors.New("the server is shutting down")

// New returns a server. It serves once its Handler is given connections.
func New(cfg Config) *Server {
	cfg.fillDefaults()
	s := &Server{cfg: cfg, log: cfg.Logger, users: map[string]int{}, sockets: map[*websocket.Conn]struct{}{}}
	s.pages, s.budget, s.figures = newPages(sharedPages), newBudget(), newFigures()
	s.draining, s.drain = context.WithCancelCause(context.Background())
	s.upgrader = websocket.Upgrader{
		CheckOrigin:     func(*http.Request) bool { return true }, // tokens authorize, not cookies
		ReadBufferSize:  512,                                      // thousands are idle, and what clients send is short
		WriteBufferSize: 1024,
		WriteBufferPool: &sync.Pool{},
		Subprotocols:    []string{JSONProtocol},
		Error: func(w http.ResponseWriter, r *http.Request, status int, reason error) {
			s.writeFault(w, r, &fault{status: status, code: codeInvalid, text: "The WebSocket handshake is malformed", cause: reason})
		},
	}
	return s
}

// Handler returns the HTTP handler of all routes.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sync/stream", s.serveStream)
	mux.HandleFunc("GET /sync/stream", s.serveSocket)
	mux.HandleFunc("GET /write-checkpoint2.json", s.serveWriteCheckpoint)
	mux.HandleFunc("POST /sync/checkpoint-request", s.serveCheckpointRequest)
	mux.HandleFunc("GET /probes/startup", s.serveStartup)
	mux.HandleFunc("GET /probes/liveness", s.serveLiveness)
	mux.HandleFunc("GET /probes/readiness", s.serveReadiness)
	if s.cfg.Admin != nil {
		mux.Handle("/api/", s.cfg.Admin)
	}
	return s.hurry(s.cors(s.known(mux)))
}

// hurry gives a client ReadTimeout to send its body, whatever the route: net/http reads on before it answers, if the handler didn't. At the
// end of the body net/http lifts the deadline.
func (s *Server) hurry(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.cfg.ReadTimeout)) // not every ResponseWriter can
		}
		next.ServeHTTP(w, r)
	})
}

// known answers what no route matches: http.ServeMux would answer in plain text, and 405 for a wrong method.
func (s *Server) known(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			s.writeFault(w, r, faultNotFound)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// cors lets browsers in from anywhere: protocol 1.5.
func (s *Server) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", "GET,HEAD,POST")
			h.Set("Access-Control-Allow-Headers", "Content-Type, Authorization, User-Agent, X-User-Agent")
			h.Set("Access-Control-Max-Age", "3600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.Set("Access-Control-Expose-Headers", "Content-Type")
		next.ServeHTTP(w, r)
	})
}

// authorize verifies the token that value names in the form of an Authorization header.
func (s *Server) authorize(ctx context.Context, value string) (*auth.Claims, error) {
	token, err := auth.FromHeader(value)
	if err != nil {
		return nil, err
	}
	return s.cfg.Auth.Verify(ctx, token)
}

// Shutdown ends all streams in the way that makes clients come back at once, refuses new ones, and waits for them to be gone. When ctx
// ends first, WebSocket connections are closed by force and the error of ctx is returned: HTTP connections are then for the
// caller to close, who owns the http.Server.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.drain(errDraining)
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { // ends with the last stream, if not now then once its connection has been closed
		defer close(done)
		s.running.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for ws := range s.sockets {
		_ = ws.Close()
	}
	s.mu.Unlock()
	return ctx.Err()
}

// logFault logs and counts what a client was told. Only what is not the client's doing is worth an operator's attention.
func (s *Server) logFault(ctx context.Context, where string, f *fault) {
	s.figures.fault(f)
	level := slog.LevelDebug
	switch {
	case f.code == faultNoVersion.code:
		level = slog.LevelInfo // as it should be while the first snapshot runs
	case f.status >= http.StatusInternalServerError:
		level = slog.LevelError
	}
	args := []any{"path", where, "code", f.code, "text", f.text}
	if f.cause != nil {
		args = append(args, "cause", f.cause)
	}
	s.log.Log(ctx, level, "request failed", args...)
}
