package clients

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/reply"
)

// writeKey is the key of a client's write checkpoints: user id, and client id if there is one. A slash in the user id is escaped,
// so that no user's key is another's.
func writeKey(subject, clientID string) string {
	key := url.PathEscape(subject)
	if clientID != "" {
		key += "/" + clientID
	}
	return key
}

// serveWriteCheckpoint answers GET /write-checkpoint2.json: the next number of the client.
func (s *Server) serveWriteCheckpoint(w http.ResponseWriter, r *http.Request) {
	id, err := s.nextWriteCheckpoint(r)
	if err != nil {
		s.writeFault(w, r, err)
		return
	}
	reply.Result(w, map[string]string{"write_checkpoint": strconv.FormatInt(id, 10)})
}

func (s *Server) nextWriteCheckpoint(r *http.Request) (int64, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return 0, invalid("/: query is malformed")
	}
	p := &parser{}
	clientID := p.clientID(query.Get("client_id"))
	if len(p.problems) > 0 {
		return 0, invalid(p.problems...)
	}
	key, err := s.openWrite(r, clientID)
	if err != nil {
		return 0, err
	}
	// The client's write is in the database by now, so the heads are behind it (protocol 3.9).
	heads, err := s.cfg.Sources.Heads(r.Context())
	if err != nil {
		return 0, fmt.Errorf("read the sources' positions: %w", err)
	}
	id, err := s.cfg.Store.NextWriteCheckpoint(r.Context(), key, heads)
	if err != nil {
		return 0, fmt.Errorf("store write checkpoint: %w", err)
	}
	return id, s.mark(r)
}

// openWrite authorizes the request and returns the client's key. Without rules nothing would ever reach a client.
func (s *Server) openWrite(r *http.Request, clientID string) (string, error) {
	claims, err := s.authorize(r.Context(), r.Header.Get("Authorization"))
	if err != nil {
		return "", err
	}
	if s.draining.Err() != nil {
		return "", faultDraining
	}
	return writeKey(claims.Subject, clientID), s.cfg.Store.View(func(*buckets.View) error { return nil })
}

// mark makes replication pass the heads that were stored, after they were stored.
func (s *Server) mark(r *http.Request) error {
	if err := s.cfg.Sources.Mark(r.Context()); err != nil {
		return fmt.Errorf("mark the sources: %w", err)
	}
	return nil
}

// serveCheckpointRequest answers POST /sync/checkpoint-request: a number that the client counts itself.
func (s *Server) serveCheckpointRequest(w http.ResponseWriter, r *http.Request) {
	id, err := s.requestCheckpoint(w, r)
	if err != nil {
		s.writeFault(w, r, err)
		return
	}
	reply.Result(w, map[string]string{"checkpoint_request_id": strconv.FormatInt(id, 10)})
}

func (s *Server) requestCheckpoint(w http.ResponseWriter, r *http.Request) (int64, error) {
	body, err := s.readBody(w, r)
	if err != nil {
		return 0, err
	}
	clientID, id, err := parseCheckpointRequest(body)
	if err != nil {
		return 0, err
	}
	key, err := s.openWrite(r, clientID)
	if err != nil {
		return 0, err
	}
	heads, err := s.cfg.Sources.Heads(r.Context())
	if err != nil {
		return 0, fmt.Errorf("read the sources' positions: %w", err)
	}
	stored, reached, err := s.cfg.Store.RequestWriteCheckpoint(r.Context(), key, id, heads)
	if err != nil {
		return 0, fmt.Errorf("store write checkpoint: %w", err)
	}
	if reached {
		return stored, nil
	}
	return stored, s.mark(r) // also when it was stored before: its marker may have been lost
}

var integer = regexp.MustCompile(`^-?[0-9]+$`)

// parseCheckpointRequest reads the body of a checkpoint request, whose number can be a string or a JSON integer.
func parseCheckpointRequest(body []byte) (clientID string, id int64, err error) {
	p := &parser{}
	o := p.object("/", body)
	clientID = p.clientID(p.text("/client_id", o["client_id"]))
	raw := o["checkpoint_request_id"]
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	id, parseErr := strconv.ParseInt(text, 10, 64)
	if !integer.MatchString(text) || parseErr != nil || id < 1 {
		p.problem("/checkpoint_request_id", "must be an integer from 1 to 9223372036854775807")
	}
	if len(p.problems) > 0 {
		return "", 0, invalid(p.problems...)
	}
	return clientID, id, nil
}
