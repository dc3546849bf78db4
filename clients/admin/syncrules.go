package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/reply"
)

var (
	errNoActive  = &reply.Error{Status: http.StatusUnprocessableEntity, Code: "PSYNC_S4104", Text: "No active sync config"}
	errRulesFile = &reply.Error{
		Status: http.StatusUnprocessableEntity, Code: "PSYNC_S4105", Text: "Sync config API disabled",
		Details: "The configuration names a rules file (rules.path). /api/v1/rules/deploy and weir rules deploy work all the same",
	}
)

// slotResult is what PowerSync's tools learn of a deploy.
type slotResult struct {
	SlotName string `json:"slot_name"`
}

// slot names the slot of the first source: all versions share it.
func (s *Server) slot() slotResult {
	for _, c := range s.cfg.Sources.Connections() {
		return slotResult{c.Slot}
	}
	return slotResult{}
}

// openToolDeploy deploys for PowerSync's tools.
func (s *Server) openToolDeploy(r *http.Request) (action, error) {
	p, err := readParams(r)
	if err != nil {
		return nil, err
	}
	content := p.needText("content")
	return func(ctx context.Context) (any, error) {
		if s.cfg.RulesFile {
			return nil, errRulesFile
		}
		if _, err := s.cfg.Rules.Deploy(ctx, content, ""); err != nil {
			return nil, err
		}
		return s.slot(), nil
	}, p.err()
}

// openToolValidate describes the content.
func (s *Server) openToolValidate(r *http.Request) (action, error) {
	p, err := readParams(r)
	if err != nil {
		return nil, err
	}
	content := p.needText("content")
	return func(ctx context.Context) (any, error) {
		d, err := s.cfg.Sources.Describe(ctx, content)
		return indented{d}, err
	}, p.err()
}

// indented is an answer without a data wrapper.
type indented struct{ v any }

func (i indented) write(w http.ResponseWriter, _ *http.Request) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	if err := e.Encode(i.v); err != nil {
		panic(err) // its types always encode
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(out.Bytes()) // a client that is gone needs no answer
}

// toolVersion is a version as PowerSync's tools see it.
type toolVersion struct {
	SlotName string `json:"slot_name"`
	Content  string `json:"content"`
	*Description
}

// openToolCurrent shows the active version, and the one that is deploying.
func (s *Server) openToolCurrent(*http.Request) (action, error) {
	return func(ctx context.Context) (any, error) {
		var out struct {
			Current *toolVersion `json:"current"`
			Next    *toolVersion `json:"next"`
		}
		var err error
		if out.Current, err = s.tool(ctx, buckets.Active); err != nil {
			return nil, err
		}
		if out.Current == nil {
			return nil, errNoActive
		}
		out.Next, err = s.tool(ctx, buckets.Deploying)
		return out, err
	}, nil
}

// tool describes the version in a state, nil if there is none.
func (s *Server) tool(ctx context.Context, state buckets.VersionState) (*toolVersion, error) {
	v := s.version(func(v *buckets.Version) bool { return v.State == state })
	if v == nil {
		return nil, nil
	}
	d, err := s.cfg.Sources.Describe(ctx, v.Text)
	return &toolVersion{s.slot().SlotName, v.Text, d}, err
}
