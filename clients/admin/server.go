package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"

	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/clients/reply"
)

// Server serves the routes. Make it with New.
type Server struct {
	cfg    Config
	log    *slog.Logger
	tokens [][sha256.Size]byte
	mux    *http.ServeMux

	// closing ends when Close is called. It is a context because that is what event streams wait on.
	closing context.Context
	close   context.CancelFunc
}

// New returns a server. Close it.
func New(cfg Config) *Server {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, log: cfg.Logger, mux: http.NewServeMux()}
	for _, token := range cfg.Tokens {
		s.tokens = append(s.tokens, sha256.Sum256([]byte(token)))
	}
	for _, r := range s.routes() {
		s.mux.Handle(r.pattern, s.handler(r))
	}
	s.closing, s.close = context.WithCancel(context.Background())
	return s
}

// Close ends the event streams that are open, and those that are still to come at once.
func (s *Server) Close() { s.close() }

// ServeHTTP answers a request whose path begins with /api/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := s.mux.Handler(r); pattern == "" {
		s.fail(w, r, reply.NotFound()) // ServeMux would answer in plain text
		return
	}
	s.mux.ServeHTTP(w, r)
}

// handler runs a route's steps.
func (s *Server) handler(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		var act action
		var err error
		if long(r) && !route.public {
			err = s.authorize(r.Header.Get("Authorization"))
		}
		if err == nil {
			act, err = route.open(r)
		}
		if err == nil && !route.public {
			err = s.authorize(r.Header.Get("Authorization"))
		}
		var result any
		if err == nil {
			result, err = act(r.Context())
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if a, ok := result.(answer); ok {
			a.write(w, r)
			return
		}
		reply.Result(w, result)
	})
}

// strangerBytes are how much of a body is read before it is known whose it is.
const strangerBytes = 16 << 10

// long tells whether the body of r is more than anybody may have us hold, or of unknown length.
func long(r *http.Request) bool { return r.ContentLength < 0 || r.ContentLength > strangerBytes }

// authorize compares a token with the configured ones, in a time that says nothing of them.
func (s *Server) authorize(header string) error {
	token, err := auth.FromHeader(header)
	if err != nil {
		return err
	}
	sum, ok := sha256.Sum256([]byte(token)), 0
	for i := range s.tokens {
		ok |= subtle.ConstantTimeCompare(sum[:], s.tokens[i][:])
	}
	if ok == 1 {
		return nil
	}
	refused := &reply.Error{Status: http.StatusUnauthorized, Code: "PSYNC_S2101", Text: "Authorization failed"}
	if len(s.tokens) == 0 {
		refused.Details = "The admin API is closed: no api.tokens are configured"
	}
	return refused
}

// Guard lets requests through to next that have one of the tokens.
func (s *Server) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.authorize(r.Header.Get("Authorization")); err != nil {
			s.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fail answers with an error. One that was not made for clients goes to the log only.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e, unauthorized := new(reply.Error), new(auth.Error)
	switch {
	case errors.As(err, &e):
	case errors.As(err, &unauthorized):
		e = &reply.Error{Status: http.StatusUnauthorized, Code: unauthorized.Code, Text: unauthorized.Text}
	default:
		e = &reply.Error{Status: http.StatusInternalServerError, Code: "PSYNC_S2001", Text: "Something went wrong"}
		if r.Context().Err() == nil {
			s.log.Error("admin request failed", "path", r.URL.Path, "error", err)
		}
	}
	reply.Fail(w, e)
}
