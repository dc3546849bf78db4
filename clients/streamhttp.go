package clients

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/weirsync/weir/clients/auth"
)

// serveStream answers POST /sync/stream.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request) {
	sess, err := s.openStream(w, r)
	if err != nil {
		s.writeFault(w, r, err)
		return
	}
	leave, err := s.admit(sess.user)
	switch {
	case errors.Is(err, faultTooBusy):
		s.logFault(r.Context(), r.URL.Path, faultTooBusy)
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case err != nil:
		s.writeFault(w, r, err)
		return
	}
	defer leave()
	ctx, stop := s.untilDrain(r.Context())
	defer stop()
	out := s.startResponse(w, r, sess.format.ContentType())
	sess.out = out
	if err = s.attend(ctx, sess, visit{OverHTTP, r.URL.Path, userAgent(r.Header)}); err == nil {
		err = out.finish()
	}
	if err != nil {
		if !errors.Is(err, errGone) {
			s.logFault(ctx, r.URL.Path, asFault(err))
		}
		panic(http.ErrAbortHandler) // the only way to show an error after the head: the body lacks its end
	}
}

// openStream reads the request and prepares its session: first the form, then who asks, then whether there is anything to serve.
func (s *Server) openStream(w http.ResponseWriter, r *http.Request) (*session, error) {
	body, err := s.readBody(w, r)
	if err != nil {
		return nil, err
	}
	req, err := parseStreamRequest(body)
	if err != nil {
		return nil, err
	}
	claims, err := s.authorize(r.Context(), r.Header.Get("Authorization"))
	if err != nil {
		return nil, err
	}
	sess := s.newSession(req, claims, pulseEvery)
	sess.format = lineFormat(r.Header, req.raw)
	return sess, s.cfg.Store.View(sess.prepare)
}

// newSession makes a session that lacks its sender and format.
func (s *Server) newSession(req *streamRequest, claims *auth.Claims, pulse time.Duration) *session {
	rules := req.rules
	rules.Claims = claims.Payload
	return &session{
		store: s.cfg.Store, rules: rules, user: claims.Subject, client: req.clientID, key: writeKey(claims.Subject, req.clientID),
		pages: s.pages, pace: pace{budget: s.budget},
		limits:    limits{s.cfg.MaxBuckets, s.cfg.MaxParameterResults},
		clock:     newClock(claims.Expires, pulse),
		positions: req.positions,
	}
}

// userAgent is what a client calls itself, for logs. Browsers can't set User-Agent.
func userAgent(h http.Header) string {
	if agent := h.Get("X-User-Agent"); agent != "" {
		return agent
	}
	return h.Get("User-Agent")
}

// untilDrain returns a context that ends with ctx or when the server drains.
func (s *Server) untilDrain(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.draining, func() { cancel(errDraining) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
