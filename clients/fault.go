package clients

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/weirsync/weir/buckets"
	"github.com/weirsync/weir/clients/auth"
	"github.com/weirsync/weir/clients/reply"
)

// fault is an error that a client may see. cause is for the log.
type fault struct {
	status  int
	code    string // PSYNC_...
	text    string
	details string
	cause   error
}

func (f *fault) Error() string { return "[" + f.code + "] " + f.text }

// Unwrap returns the cause.
func (f *fault) Unwrap() error { return f.cause }

// wireText is the fault in an RSocket ERROR frame. Each one must have a code: clients drop their token at a text without.
func (f *fault) wireText() string {
	if f.details == "" {
		return f.Error()
	}
	return f.Error() + "\n  " + f.details
}

// errGone says that there is nobody left to tell anything: the client's doing, or the network's.
var errGone = errors.New("the client is gone")

// gone wraps an error of writing to a client.
func gone(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errGone, err)
}

// Codes of faults that more than one place makes.
const (
	codeInvalid = "PSYNC_S2001"
	codeAuth    = "PSYNC_S2101"
	codeTooMany = "PSYNC_S2305"
)

var (
	faultNotFound   = &fault{status: http.StatusNotFound, code: "PSYNC_S2002", text: "The path does not exist on this server"}
	faultDraining   = &fault{status: http.StatusServiceUnavailable, code: "PSYNC_S2003", text: "Service temporarily unavailable"}
	faultMediaType  = &fault{status: http.StatusUnsupportedMediaType, code: "PSYNC_S2004", text: "Unsupported Media Type"}
	faultNoVersion  = &fault{status: http.StatusInternalServerError, code: "PSYNC_S2302", text: "No sync config available"}
	faultTooBusy    = &fault{status: http.StatusTooManyRequests, code: "PSYNC_S2304", text: "Maximum active concurrent connections limit has been reached"}
	faultNoMetadata = &fault{status: http.StatusUnauthorized, code: codeAuth, text: "No token provided in the setup metadata"}
)

// invalid is the fault of a request that is not as it should be. problems are like "/buckets: must be an array".
func invalid(problems ...string) *fault {
	details, err := json.Marshal(problems)
	if err != nil {
		panic(err) // strings always encode
	}
	return &fault{status: http.StatusBadRequest, code: codeInvalid, text: "Validation failed", details: string(details)}
}

func tooMany(what string, n, limit int) *fault {
	return &fault{status: http.StatusInternalServerError, code: codeTooMany, text: fmt.Sprintf("Too many %s: %d (limit of %d)", what, n, limit)}
}

// asFault turns any error into what the client may see of it.
func asFault(err error) *fault {
	var f *fault
	var unauthorized *auth.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &unauthorized):
		return &fault{status: http.StatusUnauthorized, code: unauthorized.Code, text: unauthorized.Text, cause: unauthorized.Cause}
	case errors.Is(err, buckets.ErrNoVersion):
		return faultNoVersion
	}
	return &fault{status: http.StatusInternalServerError, code: codeInvalid, text: "Something went wrong", cause: err}
}

// writeFault answers with the fault.
func (s *Server) writeFault(w http.ResponseWriter, r *http.Request, err error) {
	f := asFault(err)
	s.logFault(r.Context(), r.URL.Path, f)
	reply.Fail(w, f.reply())
}

// reply is the fault as it goes into JSON.
func (f *fault) reply() *reply.Error {
	return &reply.Error{Status: f.status, Code: f.code, Text: f.text, Details: f.details}
}
