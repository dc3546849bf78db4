// Package reply writes the JSON answers that all HTTP routes have in common: client-protocol.md 1.
package reply

import (
	"encoding/json"
	"net/http"
)

// Error is an error in the form in which clients see it.
type Error struct {
	Status  int
	Code    string // PSYNC_...
	Text    string
	Details string // may be empty
}

func (e *Error) Error() string { return "[" + e.Code + "] " + e.Text }

// envelope is the JSON form of an Error.
type envelope struct {
	Error struct {
		Name        string `json:"name"`
		Code        string `json:"code"`
		Status      int    `json:"status"`
		Description string `json:"description"`
		Details     string `json:"details,omitempty"`
	} `json:"error"`
}

// Fail answers with an error.
func Fail(w http.ResponseWriter, e *Error) { JSON(w, e.Status, e.Envelope()) }

// Envelope returns what encodes to the JSON form of e.
func (e *Error) Envelope() any {
	var body envelope
	body.Error.Name = "ServiceError"
	if e.Status == http.StatusUnauthorized {
		body.Error.Name = "AuthorizationError"
	}
	body.Error.Code, body.Error.Status, body.Error.Description, body.Error.Details = e.Code, e.Status, e.Text, e.Details
	return body
}

// Result answers with the result of a JSON route.
func Result(w http.ResponseWriter, v any) { JSON(w, http.StatusOK, map[string]any{"data": v}) }

// JSON answers with v, which must be of a type that always encodes.
func JSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// Invalid is the error of a request that is not as it should be. problems are like "/buckets: must be an array".
func Invalid(problems ...string) *Error {
	details, err := json.Marshal(problems)
	if err != nil {
		panic(err) // strings always encode
	}
	return &Error{Status: http.StatusBadRequest, Code: "PSYNC_S2001", Text: "Validation failed", Details: string(details)}
}

// NotFound is the error of a route that there is not.
func NotFound() *Error {
	return &Error{Status: http.StatusNotFound, Code: "PSYNC_S2002", Text: "The path does not exist on this server"}
}
