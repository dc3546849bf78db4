package admin

import (
	"context"
	"net/http"
)

// route is a line of the table of routes.
type route struct {
	pattern string // of http.ServeMux
	public  bool   // needs no token

	// open reads the request and checks its shape. What it returns runs once the sender is authorized.
	open func(r *http.Request) (action, error)
}

// action does a request's work. Its result is the answer's data, or writes the answer itself if it is an answer. Errors that are
// no *reply.Error go to the log, and the client learns nothing of them.
type action func(ctx context.Context) (any, error)

// answer is a result that has a form of its own.
type answer interface {
	write(w http.ResponseWriter, r *http.Request)
}

// routes is the table of routes.
func (s *Server) routes() []route {
	return []route{
		{pattern: "GET /api/v1/openapi.yaml", public: true, open: s.openOpenAPI},
		{pattern: "GET /api/v1/status", open: s.openOverview},
		{pattern: "POST /api/v1/resnapshot", open: s.openResnapshot},
		{pattern: "GET /api/v1/rules/versions", open: s.openVersions},
		{pattern: "GET /api/v1/rules/versions/{version}", open: s.openVersion},
		{pattern: "GET /api/v1/rules/status", open: s.openStatus},
		{pattern: "GET /api/v1/rules/events", open: s.openEvents},
		{pattern: "POST /api/v1/rules/plan", open: s.openPlan},
		{pattern: "POST /api/v1/rules/deploy", open: s.openDeploy},
		{pattern: "POST /api/v1/rules/rollback", open: s.openRollback},
		{pattern: "POST /api/v1/rules/cancel", open: s.openCancel},

		{pattern: "POST /api/sync-rules/v1/deploy", open: s.openToolDeploy},
		{pattern: "POST /api/sync-rules/v1/validate", open: s.openToolValidate},
		{pattern: "GET /api/sync-rules/v1/current", open: s.openToolCurrent},
		{pattern: "POST /api/sync-rules/v1/reprocess", open: s.openToolReprocess},
		{pattern: "POST /api/admin/v1/diagnostics", open: s.openDiagnostics},
		{pattern: "POST /api/admin/v1/schema", open: s.openSchema},
		{pattern: "POST /api/admin/v1/validate", open: s.openValidate},
		{pattern: "POST /api/admin/v1/reprocess", open: s.openReprocess},
		{pattern: "POST /api/admin/v1/execute-sql", open: s.openSQL},
		{pattern: "POST /api/v1/store/compact", open: s.openCompact},
		{pattern: "POST /api/v1/store/backup", open: s.openBackup},
	}
}
