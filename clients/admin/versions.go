package admin

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/reply"
)

// Version is a rules version.
type Version struct {
	ID      uint32    `json:"id"`
	State   string    `json:"state"` // deploying, active, retiring, removed, failed
	Message string    `json:"message,omitempty"`
	Reason  string    `json:"reason,omitempty"` // why it failed
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"`            // of the state
	Active  time.Time `json:"activated,omitzero"` // the last time it became active
	Content string    `json:"content,omitempty"`  // its text; not in lists
}

// VersionOf is the wire form of a version, without its text.
func VersionOf(v *buckets.Version) Version {
	return Version{
		ID: uint32(v.ID), State: string(v.State), Message: v.Note, Reason: v.Reason, Created: v.Created, Changed: v.Changed, Active: v.Activated,
	}
}

// openVersions lists the versions, newest first.
func (s *Server) openVersions(*http.Request) (action, error) {
	return func(context.Context) (any, error) {
		list := []Version{}
		for _, v := range s.cfg.Store.Versions() {
			list = append(list, VersionOf(&v))
		}
		return list, nil
	}, nil
}

// openVersion shows one version with its text. It may be named active or deploying.
func (s *Server) openVersion(r *http.Request) (action, error) {
	name := r.PathValue("version")
	id, err := strconv.ParseUint(name, 10, 32)
	state := buckets.VersionState(name)
	if err != nil && state != buckets.Active && state != buckets.Deploying {
		return nil, reply.Invalid("/version: must be a number, active or deploying")
	}
	return func(context.Context) (any, error) {
		for _, v := range s.cfg.Store.Versions() {
			if uint64(v.ID) == id || v.State == state {
				out := VersionOf(&v)
				out.Content = v.Text
				return out, nil
			}
		}
		return nil, noVersion(name)
	}, nil
}

// codeNoVersion is the code of the error that a version is not there.
const codeNoVersion = "WEIR_NO_VERSION"

func noVersion(name string) error {
	return &reply.Error{Status: http.StatusNotFound, Code: codeNoVersion, Text: fmt.Sprintf("There is no version %s", name)}
}
