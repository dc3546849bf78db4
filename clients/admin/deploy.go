package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/reply"
)

// openPlan answers what a deploy of the content would do.
func (s *Server) openPlan(r *http.Request) (action, error) {
	p, err := readParams(r)
	if err != nil {
		return nil, err
	}
	content := p.needText("content")
	return func(ctx context.Context) (any, error) { return s.cfg.Rules.Plan(ctx, content) }, p.err()
}

// openDeploy deploys the content, or plans it if it is a dry run.
func (s *Server) openDeploy(r *http.Request) (action, error) {
	p, err := readParams(r)
	if err != nil {
		return nil, err
	}
	content, message, dry := p.needText("content"), p.text("message"), p.boolean("dry_run")
	return func(ctx context.Context) (any, error) {
		if dry {
			return s.cfg.Rules.Plan(ctx, content)
		}
		return s.cfg.Rules.Deploy(ctx, content, message)
	}, p.err()
}

// openRollback makes an earlier version active again: the one named, or the one before.
func (s *Server) openRollback(r *http.Request) (action, error) {
	p, err := readParams(r)
	if err != nil {
		return nil, err
	}
	id := p.number("version")
	return func(ctx context.Context) (any, error) {
		v, err := s.cfg.Store.Rollback(ctx, buckets.VersionID(id))
		if err != nil {
			return nil, refusal(err, buckets.VersionID(id))
		}
		return VersionOf(&v), nil
	}, p.err()
}

// openCancel ends the deploy that is under way.
func (s *Server) openCancel(r *http.Request) (action, error) {
	_, err := readParams(r)
	return func(ctx context.Context) (any, error) {
		v, err := s.cfg.Store.Cancel(ctx)
		if err != nil {
			return nil, refusal(err, 0)
		}
		return VersionOf(&v), nil
	}, err
}

// codeNoRollback is the code of the error that the version asked for, or any, can't be rolled back to.
const codeNoRollback = "WEIR_NO_ROLLBACK"

// refusal gives the store's answers that are the client's to know their codes. id is the version that it asked for, 0 if none.
func refusal(err error, id buckets.VersionID) error {
	switch {
	case errors.Is(err, buckets.ErrUnknownVersion):
		return noVersion(fmt.Sprint(id))
	case errors.Is(err, buckets.ErrNoRollback) && id != 0:
		return &reply.Error{
			Status: http.StatusConflict, Code: codeNoRollback, Text: fmt.Sprintf("Version %d failed: it can't be rolled back to, deploy its text again", id),
		}
	case errors.Is(err, buckets.ErrNoRollback):
		return &reply.Error{Status: http.StatusConflict, Code: codeNoRollback, Text: "There is no version to roll back to"}
	case errors.Is(err, buckets.ErrNotDeploying):
		return &reply.Error{Status: http.StatusConflict, Code: "WEIR_NOT_DEPLOYING", Text: "No version is deploying"}
	}
	return fmt.Errorf("change version: %w", err)
}

// Status says which versions count.
type Status struct {
	Active    *Version  `json:"active"`    // null: none yet
	Deploying *Progress `json:"deploying"` // null: none
	Failed    *Version  `json:"failed"`    // the newest version, if it failed
}

// openStatus says what is active, how far a deploy is, and why the newest one failed.
func (s *Server) openStatus(*http.Request) (action, error) {
	return func(context.Context) (any, error) {
		var out Status
		for i, v := range s.cfg.Store.Versions() {
			version := VersionOf(&v)
			switch {
			case v.State == buckets.Active:
				out.Active = &version
			case v.State == buckets.Deploying:
				out.Deploying = s.cfg.Rules.Progress(version)
			case v.State == buckets.Failed && i == 0:
				out.Failed = &version
			}
		}
		return out, nil
	}, nil
}
