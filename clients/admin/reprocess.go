package admin

import (
	"context"
	"net/http"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/reply"
)

var errBusy = &reply.Error{
	Status: http.StatusConflict, Code: "PSYNC_S4106", Text: "Busy processing sync config - cannot reprocess",
}

// reprocess has all tables read again. Only rows that differ from what is stored change anything for clients.
func (s *Server) reprocess(ctx context.Context) error {
	if s.version(func(v *buckets.Version) bool { return v.State == buckets.Deploying }) != nil {
		return errBusy
	}
	if s.version(func(v *buckets.Version) bool { return v.State == buckets.Active }) == nil {
		return errNoActive
	}
	return s.cfg.Sources.Reprocess(ctx)
}

func (s *Server) openToolReprocess(r *http.Request) (action, error) {
	_, err := readParams(r)
	return func(ctx context.Context) (any, error) { return s.slot(), s.reprocess(ctx) }, err
}

func (s *Server) openReprocess(r *http.Request) (action, error) {
	_, err := readParams(r)
	return func(ctx context.Context) (any, error) {
		type connection struct {
			ID       string `json:"id"`
			Tag      string `json:"tag"`
			SlotName string `json:"slot_name"`
		}
		out := struct {
			Connections []connection `json:"connections"`
		}{[]connection{}}
		for _, c := range s.cfg.Sources.Connections() {
			out.Connections = append(out.Connections, connection{c.ID, c.ID, c.Slot})
		}
		return out, s.reprocess(ctx)
	}, err
}
