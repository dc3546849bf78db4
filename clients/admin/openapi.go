package admin

import (
	"context"
	_ "embed"
	"net/http"
)

// document describes the routes in OpenAPI's form.
//
//go:embed openapi.yaml
var document text

// text is an answer that is no JSON.
type text []byte

func (t text) write(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(t) // a client that is gone needs no answer
}

// openOpenAPI serves the document.
func (s *Server) openOpenAPI(*http.Request) (action, error) {
	return func(context.Context) (any, error) { return document, nil }, nil
}
