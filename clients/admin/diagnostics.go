package admin

import (
	"context"
	"net/http"

	"github.com/weirsync/weir/buckets"
)

// diagnostics is how the sources and the versions are.
type diagnostics struct {
	Connections []ConnectionStatus `json:"connections"`
	Active      *RulesStatus       `json:"active_sync_rules,omitempty"`
	Deploying   *RulesStatus       `json:"deploying_sync_rules,omitempty"`
}

func (s *Server) openDiagnostics(r *http.Request) (action, error) {
	p, err := readParams(r)
	if err != nil {
		return nil, err
	}
	content := p.boolean("sync_rules_content")
	return func(ctx context.Context) (any, error) {
		out := diagnostics{Connections: s.cfg.Sources.Connections()}
		var err error
		if out.Active, err = s.inspect(ctx, buckets.Active, content); err != nil {
			return nil, err
		}
		out.Deploying, err = s.inspect(ctx, buckets.Deploying, content)
		return out, err
	}, p.err()
}

// inspect says how the version in a state is, nil if there is none.
func (s *Server) inspect(ctx context.Context, state buckets.VersionState, content bool) (*RulesStatus, error) {
	v := s.version(func(v *buckets.Version) bool { return v.State == state })
	if v == nil {
		return nil, nil
	}
	status, err := s.cfg.Sources.Inspect(ctx, v.Text)
	if err != nil {
		return nil, err
	}
	for i := range status.Connections {
		status.Connections[i].Done = state == buckets.Active
	}
	if content {
		status.Content = v.Text
	}
	return status, nil
}

func (s *Server) openSchema(r *http.Request) (action, error) {
	_, err := readParams(r)
	return func(ctx context.Context) (any, error) { return s.cfg.Sources.Schema(ctx) }, err
}

func (s *Server) openValidate(r *http.Request) (action, error) {
	p, err := readParams(r)
	if err != nil {
		return nil, err
	}
	text := p.needText("sync_rules")
	return func(ctx context.Context) (any, error) { return s.cfg.Sources.Inspect(ctx, text) }, p.err()
}

// openSQL refuses: weir runs nobody's SQL.
func (s *Server) openSQL(r *http.Request) (action, error) {
	_, err := readParams(r)
	return func(context.Context) (any, error) {
		type results struct {
			Columns []string `json:"columns"`
			Rows    []string `json:"rows"`
		}
		return map[string]any{
			"success": false, "results": results{[]string{}, []string{}}, "error": "weir runs no SQL for others",
		}, nil
	}, err
}
