package buckets

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirsync/weir/syncrules"
)

var (
	// ErrUnknownVersion is returned for the id of no version.
	ErrUnknownVersion = errors.New("there is no such rules version")

	// ErrNotDeploying is returned where a deploy should end and none is under way.
	ErrNotDeploying = errors.New("no rules version is deploying")

	// ErrNoRollback is returned where there is no version to go back to.
	ErrNoRollback = errors.New("there is no version to roll back to")
)

// Rollback ends a deploy that is under way and makes an earlier version active again: version id, or with 0 the newest retiring one. With
// 0 and a deploy under way the deploy is all that is rolled back. A retiring version is active when Rollback returns, without a read of
// the source; if a table of it is just being read again it is Deploying until that is done. A removed version has no data any
// more: its text is deployed anew, and the Version returned has a new ID. A failed one gives ErrNoRollback.
func (s *Store) Rollback(ctx context.Context, id VersionID) (Version, error) {
	// A text is compiled here, not in the writer, whatever its state: a version may be removed before the job runs, the active one too.
	target, program := s.public(id), (*syncrules.Program)(nil)
	if id != 0 && target.ID == 0 {
		return Version{}, fmt.Errorf("roll back to version %d: %w", id, ErrUnknownVersion)
	}
	if target.ID != 0 && target.State != Failed {
		var faults syncrules.Diagnostics
		if program, faults = syncrules.Compile([]byte(target.Text), syncrules.CompileOptions{}); program == nil {
			return Version{}, fmt.Errorf("version %d does not compile with this program: %w", id, rulesFault(faults))
		}
	}
	return s.change(ctx, func(b *batch) (VersionID, error) { return b.rollback(id, program) })
}

func (b *batch) rollback(id VersionID, program *syncrules.Program) (VersionID, error) {
	c := &b.s.catalog
	v := c.version(id)
	if id == 0 {
		v = c.previous()
	}
	if v == nil || v.State == Failed {
		return 0, ErrNoRollback
	}
	if v == c.deploying {
		return v.ID, nil
	}
	if err := b.end(c.deploying, "ended by a rollback"); err != nil {
		return 0, err
	}
	switch v.State {
	case Retiring:
		return v.ID, b.setState(v, Deploying, "") // activate does the rest
	case Removed:
		return b.deploy(program, v.Text, fmt.Sprintf("rollback to version %d", v.ID))
	}
	return v.ID, nil
}

// previous is where a rollback goes: from a deploy to the active version, from that to the newest retiring one; nil if there is none.
func (c *catalog) previous() *version {
	if c.deploying != nil {
		return c.active
	}
	var newest *version
	for _, v := range c.versions {
		if v.State == Retiring && (newest == nil || !v.Changed.Before(newest.Changed)) {
			newest = v
		}
	}
	return newest
}

// Cancel ends the deploy that is under way: its version is Failed, or Retiring again if it was on its way back. ErrNotDeploying if there is
// none.
func (s *Store) Cancel(ctx context.Context) (Version, error) {
	return s.change(ctx, func(b *batch) (VersionID, error) {
		v := s.catalog.deploying
		if v == nil {
			return 0, ErrNotDeploying
		}
		return v.ID, b.end(v, "cancelled")
	})
}

// Fail ends the deploy of version id for a reason that its operator reads: what it needs can't be had from a source. ErrNotDeploying if it
// is not deploying any more.
func (s *Store) Fail(ctx context.Context, id VersionID, reason string) error {
	return s.do(ctx, func(b *batch) error {
		v := s.catalog.deploying
		if v == nil || v.ID != id {
			return ErrNotDeploying
		}
		return b.end(v, reason)
	})
}
