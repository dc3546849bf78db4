package clients

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/weirsync/weir/buckets"
)

// visit is what log and figures say of a session.
type visit struct {
	transport Transport
	path      string
	agent     string // what the client calls itself
}

// attend runs the session, counts what it does, and tells the log when it begins and ends.
func (s *Server) attend(ctx context.Context, sess *session, v visit) error {
	t := s.figures.transports[v.transport]
	m := &meter{sender: sess.out, traffic: t}
	sess.out, sess.sent = m, s.noteSent
	t.opened.Add(1)
	t.sessions.Add(1)
	defer t.sessions.Add(-1)
	log := s.log.With("path", v.path, "client", sess.client, "user", s.nameOf(sess.user))
	log.Info("client connected", "agent", v.agent)
	began := time.Now()
	err := sess.run(ctx)
	log.Info("client gone", "why", s.parting(ctx, err), "after", time.Since(began).Round(time.Millisecond), "lines", m.lines, "bytes", m.bytes)
	return err
}

// parting says why a session ended. The cause of a fault is in another line of the log.
func (s *Server) parting(ctx context.Context, err error) string {
	switch {
	case errors.Is(context.Cause(ctx), errDraining):
		return "shutdown"
	case ctx.Err() != nil, errors.Is(err, errGone):
		return "connection closed"
	case err == nil:
		return "token expired"
	}
	return asFault(err).Error()
}

// nameOf is a user in the log: the id, or the first 12 digits of its SHA-256, if ids shall not be there.
func (s *Server) nameOf(user string) string {
	if !s.cfg.HashUserIDs {
		return user
	}
	sum := sha256.Sum256([]byte(user))
	return hex.EncodeToString(sum[:6])
}

func (s *Server) noteSent(committed time.Time, checkpoint buckets.OpID) {
	now := time.Now()
	s.figures.sent.Observe(now.Sub(committed), 1)
	if s.cfg.Sent != nil {
		s.cfg.Sent(checkpoint, now)
	}
}

// meter counts what goes to a client, and how long the client keeps the session waiting. It belongs to the session's goroutine.
type meter struct {
	sender
	traffic      *traffic
	lines, bytes int64
}

// Ready waits as the sender does.
func (m *meter) Ready(ctx context.Context) error {
	m.traffic.waiting.Add(1)
	defer m.waited(time.Now())
	return m.sender.Ready(ctx)
}

// Send counts the line.
func (m *meter) Send(ctx context.Context, line []byte) error {
	m.traffic.waiting.Add(1)
	defer m.waited(time.Now())
	m.count(line)
	return m.sender.Send(ctx, line)
}

// Hold counts the line.
func (m *meter) Hold(ctx context.Context, line []byte) error {
	m.traffic.waiting.Add(1)
	defer m.waited(time.Now())
	m.count(line)
	return m.sender.Hold(ctx, line)
}

// Flush waits as the sender does.
func (m *meter) Flush() error {
	m.traffic.waiting.Add(1)
	defer m.waited(time.Now())
	return m.sender.Flush()
}

// waited ends a wait for the client that began at since.
func (m *meter) waited(since time.Time) {
	m.traffic.waiting.Add(-1)
	if time.Since(since) >= stallAfter {
		m.traffic.stalls.Add(1)
	}
}

func (m *meter) count(line []byte) {
	m.lines++
	m.bytes += int64(len(line))
	m.traffic.lines.Add(1)
	m.traffic.bytes.Add(int64(len(line)))
}
