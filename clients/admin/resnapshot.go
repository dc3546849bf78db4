package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// The actions of a ResnapshotRequest.
const (
	ResnapshotStart  = "start"
	ResnapshotPause  = "pause"
	ResnapshotResume = "resume"
	ResnapshotCancel = "cancel"
)

var resnapshotActions = []string{ResnapshotStart, ResnapshotPause, ResnapshotResume, ResnapshotCancel}

// ResnapshotRequest says what to do to a table's snapshot.
type ResnapshotRequest struct {
	Source string `json:"source,omitempty"` // "" where only one is configured
	Schema string `json:"schema,omitempty"` // public
	Table  string `json:"table"`            // as the rules name it
	Where  string `json:"where,omitempty"`  // of start: an SQL condition; only rows that meet it are read
	Action string `json:"action,omitempty"` // start
}

// ResnapshotTable is a tracked table that was concerned. It is done once its status says so in this generation or a later one.
type ResnapshotTable struct {
	Source     string `json:"source"`
	ID         uint32 `json:"id"`
	Generation uint32 `json:"generation"`
}

// openResnapshot has a table read again, or holds, goes on with or ends that.
func (s *Server) openResnapshot(r *http.Request) (action, error) {
	p, err := readParams(r)
	if err != nil {
		return nil, err
	}
	req := ResnapshotRequest{
		Source: p.text("source"), Schema: p.text("schema"), Table: p.needText("table"), Where: strings.TrimSpace(p.text("where")),
		Action: p.text("action"),
	}
	if req.Schema == "" {
		req.Schema = "public"
	}
	if req.Action == "" {
		req.Action = ResnapshotStart
	}
	if !slices.Contains(resnapshotActions, req.Action) {
		p.problem("action", "must be one of %s", strings.Join(resnapshotActions, ", "))
	}
	if req.Where != "" && req.Action != ResnapshotStart {
		p.problem("where", "goes with action start only")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (any, error) { return s.cfg.Replication.Resnapshot(ctx, req) }, nil
}
